"""Sources on a phone and in Chinese, and all of it under axe-core: no serious violation, in light and dark."""

# ruff: noqa: RUF001 - Chinese has commas of its own.

from __future__ import annotations

import pytest
from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.scripts import begin
from tests.e2e.shelf import SAMPLES, collection
from tests.e2e.test_accessibility import open_page, violations
from tests.e2e.test_phone import PHONE, fits
from tests.server_process import ServerProcess


async def test_a_source_fills_a_phone_and_leaves_the_answer_where_it_was(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, "echo"), **PHONE)
    page = chat.page
    await page.get_by_test_id("attach-files").set_input_files(SAMPLES / "guide.pdf")
    await expect(page.locator("[data-testid=attachment][data-phase=ready]")).to_be_visible()
    assert await fits(chat)
    await chat.composer.fill("How many buckets are there among the tools?")
    await chat.send_button.tap()
    await chat.ended()
    entry = chat.answer.get_by_test_id("source-entry").nth(1)
    await entry.tap()
    panel = page.get_by_test_id("source-panel")
    box = await panel.bounding_box()
    assert box is not None
    assert (box["x"], box["width"], box["height"]) == (0, 390, 844)
    await expect(page.get_by_test_id("pdf")).to_have_attribute("data-page", "2")
    await expect(page.locator("[data-page='2'] [data-testid=pdf-mark]").first).to_be_in_viewport()
    # What lies below is out of reach, by keyboard too.
    await expect(page.get_by_test_id("source-title")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_test_id("pdf-pages")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_test_id("source-download")).to_be_focused()
    small = await panel.evaluate("""it => [...it.querySelectorAll('button, a, input')]
        .filter(one => one.checkVisibility() && (one.offsetWidth < 44 || one.offsetHeight < 40))
        .map(one => one.outerHTML.slice(0, 120))""")
    assert small == []
    await page.get_by_test_id("source-close").tap()
    await expect(panel).to_have_count(0)
    await expect(entry).to_be_focused()
    assert await fits(chat)


async def test_sources_speak_chinese(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    await collection(link, "火炉手册", "guide.pdf")
    chat = await browsing.chat(server.url, await begin(link, "echo"), locale="zh-CN")
    page = chat.page
    await chat.composer.press_sequentially("请看#火")
    await expect(page.get_by_test_id("hash-option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(chat.composer).to_have_value("请看")
    await expect(page.get_by_test_id("attachment-collection")).to_contain_text("资料集")
    await chat.send("干燥的木头最好烧，秋天放在屋檐下")
    await chat.ended()
    entry = chat.answer.get_by_test_id("source-entry").filter(has_text="第 3 页")
    await expect(entry).to_contain_text("guide.pdf")
    await entry.click()
    await expect(page.get_by_test_id("pdf")).to_have_attribute("data-found", "true")
    await expect(page.get_by_test_id("pdf")).to_contain_text("已在第 3 页标出该段落。")
    await expect(page.get_by_role("button", name="关闭来源")).to_be_visible()


@pytest.mark.parametrize("look", ["desktop", "phone"])
async def test_nothing_of_it_shuts_anybody_out(
    server: ServerProcess, link: Link, browsing: Browsing, look: str
) -> None:
    name = f"Bellows {look}"
    await collection(link, name, "guide.pdf", "guide.md")
    chat = await open_page(browsing, server.url, f"/c/{await begin(link, 'echo')}", look)
    page = chat.page
    await page.get_by_test_id("attach-files").set_input_files([SAMPLES / "guide.pdf", SAMPLES / "picture.png"])
    await expect(page.locator("[data-testid=attachment][data-phase=ready]")).to_have_count(2)
    await chat.composer.press_sequentially(f"#{name[:5]}")
    await expect(page.get_by_test_id("hash-option").first).to_be_visible()
    assert await violations(chat) == []
    await page.get_by_test_id("hash-option").filter(has_text=name).click()
    await page.get_by_test_id("attach").click()
    await page.get_by_test_id("menu-collections").click()
    await page.get_by_test_id("collections-option").filter(has_text=name).locator("input").check()
    assert await violations(chat) == []
    await page.keyboard.press("Escape")
    await chat.send("Dry wood burns best: keep the logs under a roof")
    await chat.ended()
    await expect(chat.answer.get_by_test_id("source-entry").first).to_be_visible()
    await expect(chat.question.get_by_test_id("message-picture")).to_be_visible()
    if look == "desktop":
        await page.keyboard.press("Tab")
        await chat.answer.get_by_test_id("citation").first.hover()
        await expect(page.get_by_test_id("citation-passage")).to_be_visible()
    assert await violations(chat) == []
    entries = chat.answer.get_by_test_id("source-entry")
    await entries.filter(has_text="guide.pdf").first.click()
    await expect(page.get_by_test_id("pdf-mark").first).to_be_visible()
    assert await violations(chat) == []
    await page.get_by_test_id("source-close").click()
    await entries.filter(has_text="guide.md").first.click()
    await expect(page.get_by_test_id("source-mark")).to_be_visible()
    assert await violations(chat) == []
