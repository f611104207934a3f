"""Everything by keyboard: shortcuts, the palette, sending, editing, and writing Chinese by an input method."""

from __future__ import annotations

from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import text_of
from tests.e2e.scripts import WORDS, begin
from tests.server_process import ServerProcess


async def test_enter_sends_and_shift_enter_breaks_the_line(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    await expect(chat.composer).to_be_focused()
    await expect(chat.send_button).to_be_disabled()
    keyboard = chat.page.keyboard
    await keyboard.press("Enter")
    await keyboard.type("First line")
    await keyboard.press("Shift+Enter")
    await keyboard.type("second line")
    await expect(chat.composer).to_have_value("First line\nsecond line")
    await expect(chat.questions).to_have_count(0)
    await keyboard.press("Enter")
    await expect(chat.composer).to_have_value("")
    assert await text_of(chat.question).text_content() == "First line\nsecond line"
    await chat.ended()


async def test_enter_that_ends_a_composition_does_not_send(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    await expect(chat.composer).to_be_focused()
    method = await chat.page.context.new_cdp_session(chat.page)
    await method.send("Input.imeSetComposition", {"text": "nihao", "selectionStart": 5, "selectionEnd": 5})
    await expect(chat.composer).to_have_value("nihao")
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    await method.send("Input.dispatchKeyEvent", {"type": "rawKeyDown"} | enter)
    await method.send("Input.insertText", {"text": "你好"})
    await method.send("Input.dispatchKeyEvent", {"type": "keyUp"} | enter)
    await expect(chat.composer).to_have_value("你好")
    await expect(chat.questions).to_have_count(0)
    await chat.page.keyboard.press("Enter")
    await expect(text_of(chat.question)).to_have_text("你好")
    await chat.ended()
    await expect(text_of(chat.answer)).to_have_text("你好")


async def test_escape_stops_the_answer(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    chat = await browsing.chat(server.url, await begin(link, "tokens=900,pace=20ms"))
    await chat.send("Too long")
    await chat.says(WORDS[5])
    await chat.page.keyboard.press("Escape")
    await chat.ended("stopped")


async def test_arrow_up_in_an_empty_composer_edits_the_last_message(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    await chat.send("A tpyo")
    await chat.ended()
    await chat.composer.fill("not empty")
    await chat.composer.press("ArrowUp")
    await expect(chat.page.get_by_test_id("edit-input")).to_have_count(0)
    await chat.composer.fill("")
    await chat.composer.press("ArrowUp")
    field = chat.page.get_by_test_id("edit-input")
    await expect(field).to_be_focused()
    await field.fill("A typo")
    await field.press("Enter")
    await expect(text_of(chat.question)).to_have_text("A typo")
    await expect(text_of(chat.answer)).to_have_text("A typo")
    await chat.ended()
    await expect(chat.question.get_by_test_id("branch-place")).to_have_text("2/2")


async def test_a_new_chat_by_its_keys(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    await expect(chat.composer).to_be_focused()
    await chat.page.keyboard.press("Control+Shift+O")
    await expect(chat.page).to_have_url(f"{server.url}/")
    await expect(chat.page.get_by_test_id("empty")).to_be_visible()
    await expect(chat.composer).to_be_focused()
    await chat.page.go_back()
    await expect(chat.page.get_by_test_id("chat-title")).to_have_text("A scripted conversation")


async def test_the_palette_goes_to_a_conversation_and_does_things(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    conversation = await begin(link, "echo", "Zwetschgenkuchen")
    chat = await browsing.tab(await browsing.device(server.url))
    await expect(chat.composer).to_be_focused()
    keyboard = chat.page.keyboard
    await keyboard.press("Control+k")
    field = chat.page.get_by_test_id("palette-input")
    await expect(field).to_be_focused()
    await keyboard.type("zwetsch")
    await expect(chat.page.get_by_test_id("palette-entry")).to_have_count(1)
    await keyboard.press("Enter")
    await expect(chat.palette).to_have_count(0)
    await expect(chat.page).to_have_url(f"{server.url}/c/{conversation}")
    await keyboard.press("Control+k")
    await keyboard.type("theme dark")
    await keyboard.press("Enter")
    await expect(chat.page.locator("html")).to_have_attribute("data-theme", "dark")
    await keyboard.press("Control+k")
    await expect(field).to_be_focused()
    await keyboard.press("Escape")
    await expect(chat.palette).to_have_count(0)
    await expect(chat.composer).to_be_focused()


async def test_a_question_mark_shows_the_keys_unless_it_is_written(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    conversation = await begin(link, "echo")
    chat = await browsing.chat(server.url, conversation)
    await expect(chat.composer).to_be_focused()
    shown = chat.page.get_by_test_id("shortcuts")
    await chat.page.keyboard.press("?")
    await expect(chat.composer).to_have_value("?")
    await expect(shown).to_have_count(0)
    await chat.listed(conversation).focus()
    await chat.page.keyboard.press("?")
    await expect(shown).to_be_visible()
    await expect(shown).to_contain_text("Search and commands")
    await chat.page.keyboard.press("Escape")
    await expect(shown).to_have_count(0)


async def test_the_list_is_walked_and_changed_by_keys(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    below = await begin(link, "echo", "Below")
    above = await begin(link, "echo", "Above")
    chat = await browsing.chat(server.url, above)
    await chat.listed(above).focus()
    await chat.page.keyboard.press("ArrowDown")
    await expect(chat.listed(below)).to_be_focused()
    await chat.page.keyboard.press("F2")
    await chat.page.keyboard.type("Renamed by keys")
    await chat.page.keyboard.press("Enter")
    await expect(chat.listed(below)).to_have_text("Renamed by keys")
    await expect(chat.listed(below)).to_be_focused()
    await chat.page.keyboard.press("Delete")
    await expect(chat.listed(below)).to_have_count(0)
    await expect(chat.toast).to_contain_text("Deleted “Renamed by keys”")
    await chat.page.keyboard.press("Control+b")
    await expect(chat.page.get_by_test_id("conversation-list")).to_have_count(0)
