"""A phone: the column alone, the list as a sheet, nothing wider than the screen, targets for fingers."""

from __future__ import annotations

from typing import Any

from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import ChatPage
from tests.e2e.scripts import begin
from tests.server_process import ServerProcess

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True,
}  # fmt: skip


async def fits(chat: ChatPage) -> bool:
    """Whether nothing makes the page wider than the screen."""
    widths = await chat.page.evaluate(
        "[document.documentElement.scrollWidth, document.querySelector('[data-testid=messages]')?.scrollWidth ?? 0]"
    )
    return all(width <= PHONE["viewport"]["width"] for width in widths)


async def test_the_list_is_a_sheet_that_leaves_with_a_choice(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    conversation = await begin(link, "echo", "Chosen on the phone")
    chat = await browsing.tab(await browsing.device(server.url, **PHONE))
    sheet = chat.page.get_by_test_id("rail-sheet")
    await expect(chat.page.get_by_test_id("rail")).to_be_hidden()
    await chat.page.get_by_test_id("open-rail").tap()
    await expect(sheet).to_be_visible()
    assert await fits(chat)
    await sheet.locator(f'a[data-conversation="{conversation}"]').tap()
    await expect(sheet).to_have_count(0)
    await expect(chat.page.get_by_test_id("chat-title")).to_have_text("Chosen on the phone")


async def test_a_wide_answer_does_not_make_the_page_wide(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    chat = await browsing.chat(server.url, await begin(link, "markdown"), **PHONE)
    await chat.composer.fill("W" * 200)
    await chat.send_button.tap()
    await chat.ended()
    await expect(chat.answer.locator(".katex").first).to_be_visible()
    assert await fits(chat)


async def test_everything_to_touch_is_large_enough_and_there_without_a_pointer(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, "echo"), **PHONE)
    await chat.composer.fill("Touch me")
    await chat.send_button.tap()
    await chat.ended()
    await expect(chat.question.get_by_test_id("edit-message")).to_have_css("opacity", "1")
    await expect(chat.answer.get_by_test_id("regenerate")).to_be_visible()
    small = await chat.page.evaluate("""
        [...document.querySelectorAll('button, a[href], textarea')].filter(it => {
          const { width, height } = it.getBoundingClientRect();
          return it.checkVisibility() && !it.classList.contains('skip') && (width < 44 || height < 40);
        }).map(it => `${it.outerHTML.slice(0, 160)} is ${it.offsetWidth} x ${it.offsetHeight}`)
    """)
    assert small == []
