"""What goes with a message that is edited: some of it taken out, more of it brought, by hand and by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import FilePayload, Locator, expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import ChatPage, text_of
from tests.e2e.scripts import begin
from tests.e2e.test_accessibility import open_page, violations
from tests.e2e.test_phone import fits
from tests.e2e.test_sources import ECHO, QUESTION, asked, attach
from tests.server_process import ServerProcess

ASHES = FilePayload(name="ashes.txt", mimeType="text/plain", buffer=b"Ashes are never quite cold.")


async def edit(chat: ChatPage) -> Locator:
    """Begins to edit the last message. Returns the box; what goes with the message is shown in it."""
    await chat.question.hover()
    await chat.question.get_by_test_id("edit-message").click()
    box = chat.page.get_by_test_id("edit-box")
    await expect(box.get_by_test_id("edit-input")).to_be_focused()
    await expect(box.locator("[data-testid=attachment][data-phase=ready]").first).to_be_visible()
    return box


async def test_one_file_is_taken_out_and_another_one_brought(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, ECHO))
    await attach(chat, "guide.pdf")
    await attach(chat, "guide.csv")
    await chat.send(QUESTION)
    await chat.ended()
    box = await edit(chat)
    files, field = box.get_by_test_id("attachment"), box.get_by_test_id("edit-input")
    await expect(files).to_have_count(2)
    await expect(chat.question.get_by_test_id("message-attached")).to_have_count(0)
    await chat.page.keyboard.press("Shift+Tab")
    await expect(box.get_by_role("button", name="Remove “guide.csv”")).to_be_focused()
    await chat.page.keyboard.press("Enter")
    await expect(files).to_have_text(re.compile("guide.pdf"))
    await expect(field).to_be_focused()
    await box.get_by_test_id("edit-files").set_input_files(ASHES)
    await expect(box.locator("[data-testid=attachment][data-phase=ready]")).to_have_count(2)
    await expect(field).to_be_focused()
    await chat.page.keyboard.press("Enter")
    sent = chat.question.get_by_test_id("message-file")
    await expect(sent).to_have_text([re.compile("guide.pdf"), re.compile("ashes.txt")])
    await expect(text_of(chat.question)).to_have_text(QUESTION)
    await chat.ended()
    await expect(text_of(chat.answer)).to_contain_text("Ashes are never quite cold.")
    # The composer has nothing of it, and the first version all of its own.
    await expect(chat.page.get_by_test_id("composer").get_by_test_id("attachment")).to_have_count(0)
    await chat.question.get_by_test_id("branch-previous").click()
    await expect(sent).to_have_text([re.compile("guide.pdf"), re.compile("guide.csv")])
    await sent.nth(1).get_by_test_id("message-file-open").click()
    await expect(chat.page.get_by_test_id("source-text")).to_be_visible()


async def test_an_edit_that_is_left_changes_nothing(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    chat = await browsing.chat(server.url, await begin(link, ECHO), locale="zh-CN")
    await attach(chat, "guide.pdf")
    await attach(chat, "guide.csv")
    await chat.send("请说说水桶")
    await chat.ended()
    box = await edit(chat)
    await box.get_by_role("button", name="移除“guide.pdf”").click()
    await expect(box.get_by_test_id("attachment")).to_have_text(re.compile("guide.csv"))
    await box.get_by_role("button", name="文件和图片").focus()
    await expect(box.get_by_role("button", name="文件和图片")).to_be_focused()
    async with chat.page.expect_request("**/fireside.v1.FileService/DeleteFile") as forgotten:
        await box.get_by_test_id("edit-files").set_input_files(ASHES)
        await expect(box.locator("[data-testid=attachment][data-phase=ready]")).to_have_count(2)
        await chat.page.keyboard.press("Escape")
    # What came for it alone is not kept.
    assert await (await forgotten.value).response() is not None
    await expect(box).to_have_count(0)
    await expect(chat.composer).to_be_focused()
    files = chat.question.get_by_test_id("message-file")
    await expect(files).to_have_text([re.compile("guide.pdf"), re.compile("guide.csv")])
    await expect(chat.question.get_by_test_id("branch-place")).to_have_count(0)
    await files.first.get_by_test_id("message-file-open").click()
    await expect(chat.page.get_by_test_id("pdf")).to_be_visible()


async def test_what_is_dropped_and_pasted_on_it_goes_with_it(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await asked(server, link, browsing, "guide.pdf")
    box = await edit(chat)
    ready = box.locator("[data-testid=attachment][data-phase=ready]")
    await box.evaluate("""it => {
      const data = new DataTransfer();
      data.items.add(new File(['Dry wood burns best.'], 'dropped.txt', { type: 'text/plain' }));
      const init = { dataTransfer: data, bubbles: true, cancelable: true };
      it.dispatchEvent(new DragEvent('dragenter', init));
      it.dispatchEvent(new DragEvent('drop', init));
    }""")
    await expect(ready).to_have_text([re.compile("guide.pdf"), re.compile("dropped.txt")])
    await box.get_by_test_id("edit-input").evaluate("""it => {
      const data = new DataTransfer();
      data.items.add(new File(['Wet wood smokes.'], 'pasted.txt', { type: 'text/plain' }));
      it.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    }""")
    await expect(ready).to_have_text([re.compile("guide.pdf"), re.compile("dropped.txt"), re.compile("pasted.txt")])
    await expect(chat.page.get_by_test_id("drop-here")).to_have_count(0)
    await expect(chat.page.get_by_test_id("composer").get_by_test_id("attachment")).to_have_count(0)
    for _ in range(3):
        await box.get_by_test_id("attachment-remove").first.click()
    # Neither words nor files are left.
    await box.get_by_test_id("edit-input").fill("")
    await expect(box.get_by_test_id("edit-save")).to_be_disabled()


@pytest.mark.parametrize("look", ["desktop", "phone"])
async def test_it_shuts_nobody_out(server: ServerProcess, link: Link, browsing: Browsing, look: str) -> None:
    chat = await open_page(browsing, server.url, f"/c/{await begin(link, ECHO)}", look)
    await attach(chat, "guide.pdf", "picture.png")
    await chat.send(QUESTION)
    await chat.ended()
    box = await edit(chat)
    await expect(box.get_by_test_id("attachment")).to_have_count(2)
    await expect(box.locator("img")).to_be_visible()
    assert await violations(chat) == []
    assert await fits(chat) or look == "desktop"
    if look == "phone":
        small = await box.evaluate("""it => [...it.querySelectorAll('button')]
            .filter(one => one.checkVisibility() && (one.offsetWidth < 36 || one.offsetHeight < 36))
            .map(one => one.outerHTML.slice(0, 120))""")
        assert small == []
