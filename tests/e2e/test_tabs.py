"""Tabs and devices that look at the same: each change shows in all of them, over HTTP/1.1 with its six connections."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import text_of
from tests.e2e.scripts import WORDS, begin, words
from tests.server_process import ServerProcess

_TABS = 10


async def test_a_message_sent_in_one_tab_streams_in_the_other(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    # It falls silent before its end, so that it is seen to stream however slow the machine is.
    conversation = await begin(link, "tokens=90,pace=20ms,hang=after:60")
    device = await browsing.device(server.url)
    await browsing.watch_growth(device, words(60))
    first = await browsing.tab(device, f"/c/{conversation}")
    second = await browsing.tab(device, f"/c/{conversation}")
    await first.send("Both of you")
    await second.front()
    await expect(text_of(second.question)).to_have_text("Both of you")
    await second.says(WORDS[59])
    await expect(second.answer).to_have_attribute("data-status", "streaming")
    await second.stop_button.click()
    for tab in (first, second):
        await tab.ended("stopped")
        assert await tab.said() == words(60)


async def test_another_device_stops_what_this_one_started(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    conversation = await begin(link, "tokens=900,pace=20ms")
    here = await browsing.chat(server.url, conversation)
    there = await browsing.chat(server.url, conversation)
    await here.send("Somebody stop me")
    await there.says(WORDS[5])
    await there.front()
    await there.stop_button.click()
    for tab in (here, there):
        await tab.ended("stopped")
    text = await here.said()
    assert text == await there.said()
    assert words(900).startswith(text)


async def test_a_conversation_begun_renamed_and_deleted_elsewhere_shows(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    device = await browsing.device(server.url)
    here, there = await browsing.tab(device), await browsing.tab(await browsing.device(server.url))
    conversation = await begin(link, "echo", "Begun by a program")
    for tab in (here, there):
        await expect(tab.listed(conversation)).to_contain_text("Begun by a program")
    await here.rename(conversation, "Renamed here")
    await expect(there.listed(conversation)).to_contain_text("Renamed here")
    await there.front()
    await there.listed(conversation).click()
    await expect(there.page.get_by_test_id("chat-title")).to_have_text("Renamed here")
    await here.choose(conversation, "delete")
    await expect(there.listed(conversation)).to_have_count(0)
    await expect(there.page.get_by_test_id("chat-missing")).to_be_visible()
    await here.front()
    await here.toast.get_by_test_id("toast-action").click()
    await expect(there.listed(conversation)).to_be_visible()
    await expect(there.page.get_by_test_id("chat-missing")).to_have_count(0)


async def test_ten_tabs_over_plain_http_all_stay_live(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    conversation = await begin(link, "tokens=40,pace=20ms", "Ten tabs")
    device = await browsing.device(server.url)
    await browsing.watch_growth(device, words(40))
    tabs = [await browsing.tab(device, f"/c/{conversation}") for _ in range(_TABS)]
    await tabs[0].rename(conversation, "Ten tabs, renamed in the first")
    for tab in tabs:
        await expect(tab.listed(conversation)).to_contain_text("renamed in the first")
    await tabs[-1].send("To all")
    await asyncio.gather(*(tab.ended() for tab in tabs))
    assert [await tab.said() for tab in tabs] == [words(40)] * _TABS
