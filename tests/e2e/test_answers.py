"""What can be done with an answer: stop, continue, ask again, and with the question: edit. Branches are kept."""

from __future__ import annotations

from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import ChatPage, text_of
from tests.e2e.scripts import WORDS, begin, words
from tests.server_process import ServerProcess


async def stopped(server: ServerProcess, link: Link, browsing: Browsing) -> ChatPage:
    """A chat whose only answer was stopped on the way."""
    chat = await browsing.chat(server.url, await begin(link, "tokens=120,pace=20ms"))
    await chat.send("Begin")
    await chat.says(WORDS[2])
    await chat.stop_button.click()
    await chat.ended("stopped")
    return chat


async def test_a_stopped_answer_keeps_its_text_and_can_be_continued(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await stopped(server, link, browsing)
    kept = await chat.said()
    assert len(kept.split()) < 120
    assert words(120).startswith(kept)
    await expect(chat.answer.get_by_test_id("message-ending")).to_contain_text("You stopped this answer.")
    await expect(chat.send_button).to_be_visible()
    await chat.page.reload()
    await expect(text_of(chat.answer)).to_have_text(kept)
    await chat.answer.get_by_test_id("continue").click()
    await expect(chat.stop_button).to_be_visible()
    await chat.ended()
    assert await chat.said() == words(120)
    await expect(chat.answers).to_have_count(1)


async def test_an_answer_stopped_before_its_first_word_says_so(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, "hang=start"))
    await chat.send("Say nothing")
    await expect(chat.page.get_by_test_id("waiting")).to_be_visible()
    await chat.page.keyboard.press("Escape")
    await chat.ended("stopped")
    await expect(chat.answer).to_contain_text("Stopped before anything was written.")


async def test_asking_again_makes_a_sibling_and_the_switcher_goes_between_them(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await stopped(server, link, browsing)
    first = await chat.said()
    await chat.answer.get_by_test_id("regenerate").click()
    place = chat.answer.get_by_test_id("branch-place")
    await chat.ended()
    await expect(place).to_have_text("2/2")
    assert await chat.said() == words(120)
    await chat.answer.get_by_test_id("branch-previous").click()
    await expect(place).to_have_text("1/2")
    assert await chat.said() == first
    await chat.page.reload()
    await expect(place).to_have_text("1/2")
    assert await chat.said() == first
    await chat.answer.get_by_test_id("branch-next").click()
    await expect(place).to_have_text("2/2")
    assert await chat.said() == words(120)


async def test_an_edited_message_makes_a_branch_with_its_own_answers(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    await chat.send("The first version")
    await chat.ended()
    await chat.send("A second turn")
    await chat.ended()
    first = chat.questions.first
    await first.hover()
    await first.get_by_test_id("edit-message").click()
    await chat.page.get_by_test_id("edit-input").fill("The other version")
    await chat.page.get_by_test_id("edit-save").click()
    await expect(chat.questions).to_have_count(1)
    await expect(text_of(chat.answer)).to_have_text("The other version")
    await chat.ended()
    await expect(first.get_by_test_id("branch-place")).to_have_text("2/2")
    await first.get_by_test_id("branch-previous").click()
    await expect(chat.questions).to_have_count(2)
    await expect(text_of(chat.answers.first)).to_have_text("The first version")
    await expect(text_of(chat.answer)).to_have_text("A second turn")
    await chat.page.reload()
    await expect(chat.questions).to_have_count(2)
    await expect(first.get_by_test_id("branch-place")).to_have_text("1/2")


async def test_an_edit_can_be_left_without_a_trace(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    await chat.send("As it is")
    await chat.ended()
    await expect(chat.composer).to_be_focused()
    await chat.composer.press("ArrowUp")
    field = chat.page.get_by_test_id("edit-input")
    await expect(field).to_have_value("As it is")
    await field.fill("As it is not")
    await field.press("Escape")
    await expect(field).to_have_count(0)
    await expect(text_of(chat.question)).to_have_text("As it is")
    await expect(chat.page.get_by_test_id("branch-place")).to_have_count(0)
    await expect(chat.composer).to_be_focused()
