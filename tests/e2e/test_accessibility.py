"""The main screens under axe-core: no serious violation, in light and dark, wide and narrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import ChatPage
from tests.e2e.scripts import begin
from tests.e2e.test_phone import PHONE
from tests.server_process import ServerProcess

AXE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_LOOKS: dict[str, dict[str, Any]] = {"desktop": {}, "phone": PHONE}


async def open_page(browsing: Browsing, url: str, path: str, look: str) -> ChatPage:
    """A tab with axe in it."""
    device = await browsing.device(url, **_LOOKS[look])
    await device.add_init_script(path=AXE)
    return await browsing.tab(device, path)


async def violations(chat: ChatPage) -> list[str]:
    """What is serious or worse in light and in dark, as sentences."""
    sentences: list[str] = []
    for scheme in ("dark", "light"):
        await chat.page.emulate_media(color_scheme=scheme)
        found = await chat.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        sentences += [
            f"{scheme}: {rule['impact']} {rule['id']}: {node['target']} {node['failureSummary']}"
            for rule in found["violations"]
            if rule["impact"] in {"serious", "critical"}
            for node in rule["nodes"]
        ]
    return sentences


@pytest.mark.parametrize("look", _LOOKS)
async def test_an_empty_room_and_a_rich_answer(
    server: ServerProcess, link: Link, browsing: Browsing, look: str
) -> None:
    conversation = await begin(link, "markdown,reasoning=20")
    chat = await open_page(browsing, server.url, "/", look)
    await expect(chat.page.get_by_test_id("composer")).to_be_visible()
    assert await violations(chat) == []
    await chat.open(f"/c/{conversation}")
    await chat.send("Show everything")
    await chat.ended()
    await expect(chat.answer.locator(".katex")).to_have_count(4)
    await expect(chat.answer.locator(".hljs-keyword").first).to_be_visible()
    assert await violations(chat) == []


async def test_what_lies_above_the_page(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    conversation = await begin(link, "fail=after:3")
    chat = await open_page(browsing, server.url, f"/c/{conversation}", "desktop")
    await chat.send("Fail, please")
    await chat.ended("failed")
    assert await violations(chat) == []
    for keys, testid in (("Control+k", "palette"), ("?", "shortcuts")):
        await chat.listed(conversation).focus()
        await chat.page.keyboard.press(keys)
        await expect(chat.page.get_by_test_id(testid)).to_be_visible()
        assert await violations(chat) == []
        await chat.page.keyboard.press("Escape")
        await expect(chat.page.get_by_test_id(testid)).to_have_count(0)
    await chat.show_settings()
    assert await violations(chat) == []
