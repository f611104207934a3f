"""The watch over pages itself: what it is there to catch, it catches."""

from __future__ import annotations

from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.scripts import begin
from tests.server_process import ServerProcess


async def test_trouble_on_a_page_is_heard(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    device = await browsing.device(server.url)
    await browsing.watch_growth(device, "what was meant")
    chat = await browsing.tab(device, f"/c/{await begin(link, 'echo')}")
    await chat.send("something else")
    await chat.ended()
    await chat.page.evaluate("""
        document.body.append(Object.assign(new Image(), { src: 'https://spy.invalid/' }));
        setTimeout(() => { throw new Error('a defect'); });
        setTimeout(() => { document.title = 'done'; }, 1);
    """)
    await expect(chat.page).to_have_title("done")
    heard = "\n".join(browsing.complaints())
    for sign in ("an answer was: …some", "a violation of img-src", "console error: ", "uncaught: a defect"):
        assert sign in heard
    browsing.expect("")
