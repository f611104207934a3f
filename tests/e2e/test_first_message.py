"""The first message of a new person to the real small model. What a fresh install promises, and nothing scripted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import text_of
from tests.server_process import server_process


@pytest.mark.model
@pytest.mark.timeout(120)
async def test_the_first_message_is_answered_by_the_real_model(
    tmp_path: Path, local_models: Path, browsing: Browsing
) -> None:
    with server_process(tmp_path, "--local-model", "true", "--models-dir", str(local_models)) as server:
        chat = await browsing.tab(await browsing.device(server.url))
        await expect(chat.page.get_by_test_id("conversations-empty")).to_be_visible()
        await expect(chat.page.get_by_test_id("model-picker")).to_contain_text("Qwen")
        await chat.page.get_by_test_id("example").first.click()
        await expect(chat.composer).to_be_focused()
        await expect(chat.composer).to_have_value(re.compile("recursion"))
        await chat.composer.fill("Count from one to five in English words, one word per line.")
        await chat.send_button.click()
        await expect(chat.page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}$"))
        # Loading the model takes seconds, and reading the first prompt some more.
        await expect(text_of(chat.answer)).to_contain_text(re.compile("two", re.IGNORECASE), timeout=60_000)
        await expect(chat.answer).to_have_attribute("data-status", "done", timeout=30_000)
        await expect(chat.answer).to_have_attribute("data-finish", "complete")
        answer = await chat.said()
        assert re.search("one.*two.*three.*four.*five", answer, re.IGNORECASE)
        await expect(chat.page.get_by_test_id("conversation-item")).to_have_count(1)
        await chat.page.reload()
        await expect(text_of(chat.answer)).to_be_visible()
        assert await chat.said() == answer
        await browsing.close()
