"""Collections in a conversation: `#name` for one message, others for each answer, and what is said when nothing is found."""

from __future__ import annotations

import re

from playwright.async_api import FilePayload, expect

from fireside.cli.link import Link
from fireside.gen.v1.conversation_service_pb2 import GetConversationRequest
from tests.e2e.browsing import Browsing
from tests.e2e.scripts import begin
from tests.e2e.shelf import collection
from tests.server_process import ServerProcess

STATEMENT = "Dry wood burns best: keep the logs under a roof"


async def test_a_collection_is_named_in_a_message(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    await collection(link, "Hearth manuals", "guide.pdf")
    await collection(link, "Hearsay")
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    page = chat.page
    options = page.get_by_test_id("hash-option")
    await chat.composer.press_sequentially("Say #hear")
    await expect(options).to_have_text([re.compile("Hearsay"), re.compile("Hearth manuals")])
    await expect(options.first).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("ArrowDown")
    await expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    assert await chat.composer.get_attribute("aria-activedescendant") == await options.nth(1).get_attribute("id")
    await page.keyboard.press("Tab")
    await expect(page.get_by_test_id("attachment-collection")).to_contain_text("Hearth manuals")
    await expect(chat.composer).to_have_value("Say ")
    await expect(chat.composer).to_be_focused()
    await chat.send(STATEMENT)
    await chat.ended()
    await expect(chat.question.get_by_test_id("message-collection")).to_have_text("Hearth manuals")
    await expect(chat.answer.get_by_test_id("source-entry").first).to_contain_text("guide.pdf · p. 1")
    # It was for that message; and it is searched again as long as the conversation goes on about it.
    await expect(page.get_by_test_id("attachment-collection")).to_have_count(0)


async def test_the_list_of_collections_goes_away_when_it_is_not_meant(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    await collection(link, "Kindling")
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    menu = chat.page.get_by_test_id("hash-menu")
    await chat.composer.press_sequentially("About #kin")
    await expect(menu).to_be_visible()
    await chat.page.keyboard.press("Escape")
    await expect(menu).to_have_count(0)
    await chat.composer.press_sequentially("d")
    await expect(menu).to_have_count(0)
    await chat.composer.press_sequentially(" and #nothing-like-it")
    await expect(menu).to_have_count(0)
    # What is no collection is text, and Enter sends it.
    await chat.page.keyboard.press("Enter")
    await expect(chat.question.get_by_test_id("message-text")).to_have_text("About #kind and #nothing-like-it")


async def test_collections_of_a_new_conversation_are_searched_from_its_first_answer_on(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    made = await collection(link, "Chimneys", "guide.md")
    device = await browsing.device(server.url)
    # The picker hides scripted models; this is what choosing one another day would have left.
    await device.add_init_script(
        """if (location.protocol === 'http:') localStorage.setItem('fireside.settings', '{"model": "scripted/echo"}')"""
    )
    chat = await browsing.tab(device)
    page = chat.page
    await page.get_by_test_id("attach").click()
    await page.get_by_test_id("menu-collections").click()
    await page.get_by_test_id("collections-option").filter(has_text="Chimneys").locator("input").check()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("conversation-collections")).to_have_text("1")
    await expect(page.get_by_test_id("conversation-item").filter(has_text=STATEMENT)).to_have_count(0)
    await chat.send(STATEMENT)
    await chat.ended()
    await expect(page.get_by_test_id("chat-title")).to_have_text(STATEMENT)
    await expect(chat.answer.get_by_test_id("source-entry").first).to_contain_text("guide.md")
    conversation = page.url.rpartition("/")[2]
    found = await link.conversations.get_conversation(GetConversationRequest(conversation_id=conversation))
    assert list(found.conversation.collection_ids) == [made]
    # Another tab takes them out, and this one knows.
    other = await browsing.tab(await browsing.device(server.url), f"/c/{conversation}")
    await other.page.get_by_test_id("conversation-collections").click()
    await other.page.get_by_test_id("collections-option").filter(has_text="Chimneys").locator("input").uncheck()
    await expect(page.get_by_test_id("conversation-collections")).to_have_count(0)


async def test_an_answer_says_when_nothing_was_found_and_what_was_not_read(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    await collection(link, "Ash trays", "guide.txt")
    chat = await browsing.chat(server.url, await begin(link, "tokens=6"))
    await chat.composer.press_sequentially("#ash")
    await expect(chat.page.get_by_test_id("hash-option")).to_have_count(1)
    await chat.page.keyboard.press("Enter")
    await chat.send("Quixotic zeppelins yodel")
    await chat.ended()
    foot = chat.answer.get_by_test_id("answer-sources")
    await expect(foot).to_have_text("Nothing relevant was found in Ash trays.")
    locked = FilePayload(name="sealed.zip", mimeType="application/zip", buffer=b"PK\x05\x06" + b"\0" * 18)
    await chat.page.get_by_test_id("attach-files").set_input_files(locked)
    await expect(chat.page.locator("[data-testid=attachment][data-phase=unreadable]")).to_be_visible()
    await chat.send("What is in it?")
    await chat.ended()
    await expect(chat.answer.get_by_test_id("sources-unread")).to_have_text("Not read: sealed.zip.")


async def test_what_was_read_and_not_cited_is_folded(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    await collection(link, "Flues", "guide.pdf")
    chat = await browsing.chat(server.url, await begin(link, "tokens=6"))
    await chat.composer.press_sequentially("#flu")
    await expect(chat.page.get_by_test_id("hash-option")).to_have_count(1)
    await chat.page.keyboard.press("Enter")
    await chat.send(STATEMENT)
    await chat.ended()
    fold = chat.answer.get_by_test_id("sources-others")
    await expect(fold).to_have_text(re.compile("read 1 passage"))
    await expect(chat.answer.get_by_test_id("source-entry")).to_have_count(0)
    await fold.click()
    await expect(chat.answer.get_by_test_id("source-entry")).to_have_text([re.compile("guide.pdf")])
