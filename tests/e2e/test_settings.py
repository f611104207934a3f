"""Language and theme: switched at once, kept across a reload, and shared with the other tabs."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.scripts import begin
from tests.server_process import ServerProcess

_PAPER = {"light": "rgb(250, 248, 245)", "dark": "rgb(23, 20, 18)"}


async def test_chinese_is_chosen_and_kept(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    device = await browsing.device(server.url)
    chat = await browsing.tab(device, f"/c/{await begin(link, 'echo')}")
    other = await browsing.tab(device)
    dialog = await chat.show_settings()
    await dialog.get_by_test_id("language-zh").check()
    await expect(dialog.get_by_role("heading")).to_have_text("设置")
    await chat.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(other.composer).to_have_attribute("placeholder", "输入消息")
    await chat.page.reload()
    await expect(chat.composer).to_have_attribute("placeholder", "输入消息")
    await expect(chat.page.locator("html")).to_have_attribute("lang", "zh-Hans")
    await chat.send("你好")
    await chat.ended()
    await chat.answer.hover()
    await expect(chat.answer.get_by_role("button", name="复制")).to_be_visible()


async def test_the_browser_chooses_the_language_until_somebody_does(server: ServerProcess, browsing: Browsing) -> None:
    for locale, placeholder in (("zh-TW", "输入消息"), ("de-DE", "Write a message")):
        chat = await browsing.tab(await browsing.device(server.url, locale=locale))
        await expect(chat.composer).to_have_attribute("placeholder", placeholder)


@pytest.mark.parametrize("system", ["light", "dark"])
async def test_the_theme_follows_the_system_until_one_is_chosen(
    server: ServerProcess, browsing: Browsing, system: str
) -> None:
    other = "light" if system == "dark" else "dark"
    device = await browsing.device(server.url, color_scheme=system)
    chat = await browsing.tab(device)
    page = chat.page.locator("html")
    await expect(page).to_have_css("background-color", _PAPER[system])
    dialog = await chat.show_settings()
    await dialog.get_by_test_id(f"theme-{other}").check()
    await expect(page).to_have_css("background-color", _PAPER[other])
    await chat.page.reload()
    await expect(page).to_have_css("background-color", _PAPER[other])


async def test_a_folded_rail_stays_folded(server: ServerProcess, browsing: Browsing) -> None:
    chat = await browsing.tab(await browsing.device(server.url))
    await chat.page.get_by_test_id("rail-fold").click()
    await expect(chat.page.get_by_test_id("conversation-list")).to_have_count(0)
    await chat.page.reload()
    await expect(chat.page.get_by_test_id("rail-fold")).to_have_accessible_name("Unfold the sidebar")
    await expect(chat.page.get_by_test_id("conversation-list")).to_have_count(0)
