"""All known tricks to have a page run a stranger's script, in a real browser under the server's own policy; and that policy."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import expect

from fireside.cli.link import Link
from tests.browser import PROJECT
from tests.e2e.browsing import Browsing
from tests.e2e.scripts import begin
from tests.http_calls import http
from tests.server_process import ServerProcess

VECTORS: list[str] = json.loads((PROJECT / "web/tests/data/hostile.json").read_text())["vectors"]
_IN_ONE = 40
# Ends each kind of block that one of them may have left open, so that the next is read as what it is.
_BETWEEN = "\n\n</script> --> ?> ]]>\n\n---\n\n"
_NO_DIALOGS = (
    "for (const name of ['alert', 'prompt', 'confirm', 'open']) window[name] = () => reportTrouble(`${name}() ran`);"
)
_MADE = "script, iframe, object, embed, form, input, style, link, meta, base, svg:not(button svg), video, audio, [srcset], [ping]"


@asynccontextmanager
async def stranger() -> AsyncIterator[tuple[str, list[str]]]:
    """A server of somebody else's: its address, and what it was asked."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


async def test_no_trick_runs_or_fetches_anything(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    # What is dropped while the sanitiser reads it never runs; the browser says so all the same.
    browsing.expect("^console error: (Executing inline event handler|Refused to execute inline event handler)")
    device = await browsing.device(server.url)
    await device.add_init_script(_NO_DIALOGS)
    chat = await browsing.tab(device, f"/c/{await begin(link, 'echo')}")
    async with stranger() as (address, asked):
        for count, first in enumerate(range(0, len(VECTORS), _IN_ONE), 1):
            vectors = [vector.replace("{E}", address) for vector in VECTORS[first : first + _IN_ONE]]
            await chat.composer.fill(_BETWEEN.join([*vectors, "sentinel of the end"]))
            await chat.composer.press("Enter")
            await expect(chat.answers).to_have_count(count)
            await chat.ended()
            answer = chat.answer.get_by_test_id("message-text")
            await expect(answer).to_contain_text("sentinel of the end")
            await expect(answer.locator(_MADE)).to_have_count(0)
            for element in await answer.locator("details, summary, [title], em, b").all():
                await element.dispatch_event("mouseover")
        assert asked == []
    await expect(chat.page).to_have_title("A scripted conversation · Fireside")
    assert chat.page.url.startswith(server.url)


async def test_a_picture_is_fetched_when_the_person_asks(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    browsing.expect("^a request to http://127", "^console error: Failed to load")
    device = await browsing.device(server.url)
    chat = await browsing.tab(device, f"/c/{await begin(link, 'echo')}")
    async with stranger() as (address, asked):
        await chat.composer.fill(f"Look: ![a cat]({address}/cat.png)")
        await chat.composer.press("Enter")
        await chat.ended()
        picture = chat.answer.get_by_role("link", name="a cat")
        await expect(picture).to_be_visible()
        assert asked == []
        async with device.expect_page():
            await picture.click()
        async with asyncio.timeout(10):
            while not any("/cat.png" in line for line in asked):
                await chat.page.evaluate("0")


async def test_every_page_and_file_comes_with_the_policy(server: ServerProcess) -> None:
    bundle = PROJECT / "web/dist"
    files = [
        f"/{path.relative_to(bundle)}"
        for path in bundle.rglob("*")
        if path.suffix not in {".br", ".gz"} and path.is_file()
    ]
    assert len(files) > 3
    for path in (*files, "/", "/c/1", "/settings", "/nothing.js", "/healthz"):
        headers = (await http(server.url, "GET", path, {"accept": "*/*" if "." in path else "text/html"})).headers
        policy = dict(item.strip().partition(" ")[::2] for item in headers["content-security-policy"].split(";"))
        compiled = " 'wasm-unsafe-eval'" if path.startswith("/assets/hash-worker-") else ""
        assert policy["script-src"] == f"'self'{compiled}", path
        assert (
            policy["object-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"


async def test_the_bundle_has_no_inline_script() -> None:
    for page in (PROJECT / "web/dist").rglob("*.html"):
        text = page.read_text()
        assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
        assert re.findall(r"\son\w+\s*=", text) == []
        assert "javascript:" not in text


async def test_a_script_that_got_into_the_page_would_not_run(server: ServerProcess, browsing: Browsing) -> None:
    browsing.expect(
        "^a violation of script-src", "^console error: .*Content Security Policy", "^console error: Failed to load"
    )
    page = (await browsing.tab(await browsing.device(server.url))).page
    ran = await page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = 'window.itRan = true';
          document.body.append(script);
          document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.itRan = true">');
          return new Promise(done => setTimeout(() => done(window.itRan === true), 0));
        }"""
    )
    assert ran is False
    assert browsing.complaints() == []
