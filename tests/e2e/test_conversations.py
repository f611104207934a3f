"""The list of conversations: delete with undo, rename, search, and the headings by date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.scripts import begin
from tests.server_process import ServerProcess


async def test_a_deleted_conversation_can_be_brought_back(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    conversation = await begin(link, "echo", "Not for the bin")
    chat = await browsing.chat(server.url, conversation)
    await chat.send("Keep me")
    await chat.ended()
    await chat.choose(conversation, "delete")
    await expect(chat.listed(conversation)).to_have_count(0)
    await expect(chat.page).to_have_url(f"{server.url}/")
    await expect(chat.toast).to_contain_text("Deleted “Not for the bin”")
    await chat.toast.get_by_role("button", name="Undo").click()
    await expect(chat.toast).to_have_count(0)
    await chat.listed(conversation).click()
    await expect(chat.questions).to_have_count(1)
    await expect(chat.page.get_by_test_id("chat-title")).to_have_text("Not for the bin")
    await chat.page.reload()
    await expect(chat.questions).to_have_count(1)


async def test_a_name_can_be_changed_and_the_change_left(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    conversation = await begin(link, "echo", "Before")
    chat = await browsing.chat(server.url, conversation)
    await chat.rename(conversation, "After")
    await expect(chat.listed(conversation)).to_have_text("After")
    await expect(chat.page.get_by_test_id("chat-title")).to_have_text("After")
    await expect(chat.page).to_have_title("After · Fireside")
    await chat.listed(conversation).press("F2")
    field = chat.page.get_by_test_id("rename-input")
    await field.fill("Never")
    await field.press("Escape")
    await expect(chat.listed(conversation)).to_be_focused()
    await chat.page.reload()
    await expect(chat.listed(conversation)).to_have_text("After")


async def test_search_finds_by_a_part_of_the_title(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    found = await begin(link, "echo", "Apricot jam, 100% fruit")
    other = await begin(link, "echo", "Quince jelly")
    chat = await browsing.tab(await browsing.device(server.url))
    search = chat.page.get_by_test_id("conversation-search")
    await expect(chat.listed(other)).to_be_visible()
    await search.fill("apriCOT")
    await expect(chat.listed(other)).to_have_count(0)
    await expect(chat.page.get_by_test_id("conversation-item")).to_have_count(1)
    await expect(chat.listed(found)).to_be_visible()
    await search.fill("100%")
    await expect(chat.listed(found)).to_be_visible()
    await search.fill("no such fruit")
    await expect(chat.page.get_by_test_id("conversations-empty")).to_have_text("Nothing found for “no such fruit”.")
    await search.press("Escape")
    await expect(search).to_have_value("")
    await expect(chat.listed(other)).to_be_visible()


async def test_conversations_stand_under_when_they_were_used(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    conversation = await begin(link, "echo", "Old times")
    # It is the page that lives some days later.
    device = await browsing.device(server.url, timezone_id="UTC")
    now = datetime.now(UTC)
    await device.clock.set_fixed_time(now)
    chat = await browsing.tab(device)
    for days, heading in ((0, "Today"), (1, "Yesterday"), (5, "Last 7 days"), (20, "Last 30 days")):
        await device.clock.set_fixed_time(now + timedelta(days=days))
        await chat.page.reload()
        section = chat.page.get_by_role("region", name=heading, exact=True)
        await expect(section.filter(has=chat.listed(conversation))).to_be_visible()


async def test_a_new_language_names_the_headings_again(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    conversation = await begin(link, "echo", "Heading")
    chat = await browsing.tab(await browsing.device(server.url, locale="zh-CN"))
    section = chat.page.get_by_role("region", name=re.compile("^今天$"))
    await expect(section.filter(has=chat.listed(conversation))).to_be_visible()
