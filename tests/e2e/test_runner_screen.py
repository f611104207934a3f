"""The screen of runners itself: what is locked, who can use it, and whether it fits a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.browsing import Browsing
from tests.e2e.runner_page import NOWHERE, SCREEN, card, fill, healthy, save
from tests.e2e.test_accessibility import open_page, violations
from tests.e2e.test_phone import PHONE
from tests.ollama_server import OllamaServer
from tests.server_process import ServerProcess, server_process

_FILE = """
[[runners]]
name = "from-file"
kind = "ollama"
addresses = ["http://127.0.0.1:9"]
"""


async def test_a_runner_of_the_file_is_locked_and_says_why(tmp_path: Path, browsing: Browsing) -> None:
    (tmp_path / "fireside.toml").write_text(_FILE)
    with server_process(tmp_path, "--config", str(tmp_path / "fireside.toml")) as server:
        chat = await browsing.tab(await browsing.device(server.url), SCREEN)
        locked = card(chat.page, "from-file")
        await expect(locked).to_contain_text("From the file")
        await expect(locked).to_contain_text("fireside.toml")
        for testid in ("runner-edit", "runner-delete", "runner-switch"):
            await expect(locked.get_by_test_id(testid)).to_have_count(0)
        await browsing.close()


@pytest.mark.parametrize("look", ["desktop", "phone"])
async def test_everybody_can_use_the_screen(
    own: ServerProcess, ollama: OllamaServer, browsing: Browsing, look: str
) -> None:
    chat = await open_page(browsing, own.url, SCREEN, look)
    page = chat.page
    await save(await fill(page, "ollama", "box", ollama.url))
    await save(await fill(page, "openai", "gone", NOWHERE, "sk-any"))
    await healthy(page, "gone", "down")
    await card(page, "box").get_by_test_id("runner-models-toggle").click()
    await expect(card(page, "box").get_by_test_id("runner-model")).to_have_count(4)
    assert await violations(chat) == []
    await card(page, "gone").get_by_test_id("runner-edit").click()
    form = page.get_by_test_id("runner-form")
    await form.get_by_test_id("runner-advanced").click()
    await form.get_by_test_id("runner-connect").fill("soon")
    await form.get_by_test_id("runner-test").click()
    await expect(form.get_by_test_id("runner-connect-error")).to_be_visible()
    assert await violations(chat) == []
    await page.keyboard.press("Escape")
    await expect(form).to_have_count(0)
    await page.get_by_test_id("alias-add").click()
    assert await violations(chat) == []
    await page.keyboard.press("Escape")
    await page.get_by_test_id("settings-back").click()
    await page.get_by_test_id("model-picker").click()
    await expect(page.get_by_test_id("model-option").first).to_be_visible()
    assert await violations(chat) == []


async def test_it_fits_a_phone_in_chinese(own: ServerProcess, ollama: OllamaServer, browsing: Browsing) -> None:
    chat = await browsing.tab(await browsing.device(own.url, **PHONE, locale="zh-CN"))
    page = chat.page
    await page.get_by_test_id("open-rail").tap()
    await page.get_by_test_id("rail-sheet").get_by_test_id("open-settings").tap()
    await page.get_by_test_id("open-runners").tap()
    await expect(page.get_by_role("heading", level=1)).to_have_text("模型与运行器")
    await save(await fill(page, "ollama", "a-rather-long-name-for-such-a-small-one", ollama.url))
    await expect(card(page, "a-rather-long-name-for-such-a-small-one")).to_be_visible()
    assert await narrow(page)
    await card(page, "a-rather-long-name-for-such-a-small-one").get_by_test_id("runner-edit").tap()
    await page.get_by_test_id("runner-advanced").tap()
    assert await narrow(page)


async def narrow(page: Page) -> bool:
    """Whether nothing that is shown is wider than the screen."""
    return await page.evaluate(
        "[...document.querySelectorAll('body *')].filter(it => it.checkVisibility() && !it.closest('.hidden-text'))"
        ".every(it => it.getBoundingClientRect().right <= innerWidth + 1)"
    )
