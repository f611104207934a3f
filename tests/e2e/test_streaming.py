"""An answer as it arrives: no character lost or doubled, and the page leaves the reader in peace."""

from __future__ import annotations

import re

from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import text_of
from tests.e2e.scripts import WORDS, begin, words
from tests.server_process import ServerProcess

# A phase may be over before a test that polls looks again, so the page itself notes what it said.
_NOTE_WAITING = """
window.waitingSeen = new Set();
new MutationObserver(() => {
  for (const it of document.querySelectorAll('[data-testid=waiting]')) waitingSeen.add(it.textContent.trim());
}).observe(document.body, { subtree: true, childList: true, characterData: true });
"""


async def test_a_page_reloaded_in_mid_answer_loses_and_doubles_nothing(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    conversation = await begin(link, "tokens=160,pace=20ms")
    device = await browsing.device(server.url)
    await browsing.watch_growth(device, words(160))
    chat = await browsing.tab(device, f"/c/{conversation}")
    await chat.send("Go on")
    for place in (10, 50, 90):
        await chat.says(WORDS[place])
        await chat.page.reload()
        await expect(text_of(chat.question)).to_have_text("Go on")
    await chat.ended()
    assert await chat.said() == words(160)


async def test_a_new_chat_gets_an_address_that_can_be_reloaded_at_once(
    server: ServerProcess, browsing: Browsing
) -> None:
    chosen = {"name": "fireside.settings", "value": '{"model": "scripted/tokens=64,pace=20ms"}'}
    storage = {"origins": [{"origin": server.url, "localStorage": [chosen]}]}
    device = await browsing.device(server.url, storage_state=storage)
    await browsing.watch_growth(device, words(64))
    chat = await browsing.tab(device)
    await chat.send("The first message of a new chat")
    await expect(chat.page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}$"))
    await chat.says(WORDS[0])
    await chat.page.reload()
    await chat.ended()
    assert await chat.said() == words(64)
    await expect(chat.page.get_by_test_id("chat-title")).to_have_text("The first message of a new chat")


async def test_while_nothing_is_written_the_page_says_what_is_going_on(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, "queue=2:300ms,first=300ms,reasoning=8,tokens=8"))
    await chat.page.evaluate(_NOTE_WAITING)
    await chat.send("Are you there?")
    await chat.ended()
    assert await chat.said() == words(8)
    seen = await chat.page.evaluate("[...waitingSeen]")
    assert seen[-3:] == ["Waiting, 2nd in line", "Waiting, next in line", "Reading"]
    await expect(chat.page.get_by_test_id("waiting")).to_have_count(0)
    await expect(chat.answer.get_by_role("button", name="Thought")).to_be_visible()


async def test_an_answer_that_fails_says_why_and_can_be_tried_again(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, "tokens=12,fail=after:6"))
    await chat.send("Will you fail?")
    await chat.ended("failed")
    assert await chat.said() == words(6)
    await expect(chat.page.get_by_test_id("message-error")).to_contain_text(
        "The script says that the runner fails here."
    )
    await chat.answer.get_by_test_id("message-retry").click()
    await expect(chat.answer.get_by_test_id("branch-place")).to_have_text("2/2")
    await chat.ended("failed")


async def test_a_reader_who_scrolled_up_is_left_alone(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    chat = await browsing.chat(
        server.url, await begin(link, "tokens=900,burst=3,pace=12ms"), viewport={"width": 900, "height": 500}
    )
    await chat.send("A long one, please")
    await chat.says(WORDS[250])
    assert await chat.distance_to_end() < 40
    await expect(chat.jump).to_have_count(0)
    await chat.scroller.hover()
    await chat.page.mouse.wheel(0, -150)
    await expect(chat.jump).to_be_visible()
    place = await chat.scroller.evaluate("it => it.scrollTop")
    await chat.says(WORDS[500])
    assert await chat.scroller.evaluate("it => it.scrollTop") == place
    await chat.jump.click()
    await expect(chat.jump).to_have_count(0)
    await chat.says(WORDS[700])
    assert await chat.distance_to_end() < 40
    await chat.ended()
    assert await chat.distance_to_end() < 40
    assert await chat.said() == words(900)
