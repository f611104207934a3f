"""A server that dies, or is stopped, in mid-answer and comes back: the page finds its way by itself."""

from __future__ import annotations

import signal
from pathlib import Path

from playwright.async_api import expect

from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import text_of
from tests.e2e.scripts import WORDS, begin, link_to, words
from tests.server_process import ServerProcess, server_process

# What a browser says of a server that is not there.
_AWAY = r"net::ERR_|Failed to fetch|network error"
_LONG = 300


async def conversation_on(server: ServerProcess, folder: Path, model: str) -> str:
    """Makes a conversation with a scripted model."""
    link = link_to(server.url, folder)
    try:
        return await begin(link, model)
    finally:
        await link.aclose()


async def test_a_killed_server_comes_back_and_the_answer_goes_on(tmp_path: Path, browsing: Browsing) -> None:
    browsing.expect(_AWAY)
    with server_process(tmp_path) as server:
        conversation = await conversation_on(server, tmp_path, f"tokens={_LONG},pace=10ms")
        device = await browsing.device(server.url)
        await browsing.watch_growth(device, words(_LONG))
        chat = await browsing.tab(device, f"/c/{conversation}")
        await chat.send("Do not die")
        await chat.says(WORDS[60])
        server.end(signal.SIGKILL)
    await expect(chat.banner).to_be_visible()
    await chat.says(WORDS[60])
    with server_process(tmp_path, "--port", str(server.port)):
        await chat.ended("interrupted")
        await expect(chat.banner).to_have_count(0)
        kept = await chat.said()
        # At most the last 100 ms may be lost, which are 10 words here; the rest is for a slow machine.
        assert 30 < len(kept.split()) < _LONG
        await expect(chat.answer).to_contain_text("The server went away in the middle of this answer.")
        await chat.answer.get_by_test_id("continue").click()
        await chat.ended()
        assert await chat.said() == words(_LONG)
        await chat.page.reload()
        await expect(text_of(chat.answer)).to_have_text(words(_LONG))


async def test_a_server_that_is_stopped_hands_the_answer_over(tmp_path: Path, browsing: Browsing) -> None:
    browsing.expect(_AWAY)
    with server_process(tmp_path, "--shutdown-grace", "5.2") as server:
        conversation = await conversation_on(server, tmp_path, f"tokens={_LONG},pace=10ms")
        device = await browsing.device(server.url)
        await browsing.watch_growth(device, words(_LONG))
        chat = await browsing.tab(device, f"/c/{conversation}")
        await chat.send("Good night")
        await chat.says(WORDS[40])
        code, _, err = server.end()
        assert (code, err) == (0, "")
    await expect(chat.banner).to_be_visible()
    with server_process(tmp_path, "--port", str(server.port)):
        await chat.ended("interrupted")
        await expect(chat.banner).to_have_count(0)
        await chat.answer.get_by_test_id("continue").click()
        await chat.ended()
        assert await chat.said() == words(_LONG)


async def test_what_is_sent_while_the_server_is_away_goes_once_it_is_back(tmp_path: Path, browsing: Browsing) -> None:
    browsing.expect(_AWAY)
    with server_process(tmp_path) as server:
        conversation = await conversation_on(server, tmp_path, "echo")
        chat = await browsing.chat(server.url, conversation)
        await chat.send("Before")
        await chat.ended()
        server.end(signal.SIGKILL)
    await chat.send("Meanwhile")
    with server_process(tmp_path, "--port", str(server.port)):
        await expect(text_of(chat.answer)).to_have_text("Meanwhile")
        await chat.ended()
        await expect(chat.questions).to_have_count(2)
        await chat.page.reload()
        await expect(text_of(chat.answer)).to_have_text("Meanwhile")
        await expect(chat.questions).to_have_count(2)
