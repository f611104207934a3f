"""Makes docs/screenshots from a real server and browser: `python -m tests.e2e.screenshots [folder]`. Not a test.

The conversations are put into the store before the server starts, so that the pictures are the same each time.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from time import time
from typing import Any

from playwright.async_api import Browser, async_playwright, expect

from fireside.core.ids import new_id
from fireside.gen.v1.conversation_pb2 import Conversation
from fireside.gen.v1.message_pb2 import (
    FINISH_REASON_COMPLETE,
    MESSAGE_STATE_DONE,
    ROLE_ASSISTANT,
    ROLE_USER,
    Message,
    Part,
    TextPart,
)
from fireside.store import conversations, messages
from fireside.store.db import open_database
from fireside.store.records import timestamp_of
from fireside.store.tx import Tx
from tests.browser import FLAGS, PROJECT
from tests.e2e.account_screenshots import shoot_accounts
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import ChatPage
from tests.e2e.key_server import key_server
from tests.e2e.library_screenshots import shoot_library
from tests.e2e.runner_page import SCREEN, card, fill, healthy, save
from tests.e2e.screenshot_texts import CHINESE, ENGLISH, Scene
from tests.e2e.source_screenshots import shoot_sources
from tests.e2e.test_phone import PHONE
from tests.ollama_server import ollama_server
from tests.server_process import ServerProcess, server_process

_OWNER = "local"
_DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
SHOTS: dict[str, tuple[Scene, dict[str, Any]]] = {
    "desktop": (ENGLISH, _DESKTOP | {"color_scheme": "light"}),
    "desktop-dark": (ENGLISH, _DESKTOP | {"color_scheme": "dark"}),
    "phone": (ENGLISH, PHONE | {"color_scheme": "light"}),
    "chinese": (CHINESE, _DESKTOP | {"color_scheme": "light", "locale": "zh-CN"}),
}


async def furnish(folder: Path, scene: Scene) -> str:
    """Puts a scene into a new database under `folder`. Returns the id of its conversation."""
    now = int(time() * 1_000_000)
    shown = Conversation(id=new_id(), title=scene.title, create_time=timestamp_of(now), update_time=timestamp_of(now))
    branch: list[Message] = []
    for place, text in enumerate(scene.turns):
        answer = bool(place % 2)
        branch.append(
            Message(
                id=new_id(),
                conversation_id=shown.id,
                parent_id=branch[-1].id if branch else "",
                role=ROLE_ASSISTANT if answer else ROLE_USER,
                parts=[Part(text=TextPart(text=text))],
                state=MESSAGE_STATE_DONE,
                # An id that no runner has is shown as it is.
                model=scene.assistant if answer else "",
                finish_reason=FINISH_REASON_COMPLETE if answer else None,
                create_time=timestamp_of(now),
            )
        )
    shown.head_message_id = branch[-1].id

    async def write(tx: Tx) -> None:
        for title, hours in scene.others:
            at = timestamp_of(now - int(hours * 3600 * 1_000_000))
            await conversations.insert(
                tx, _OWNER, Conversation(id=new_id(), title=title, create_time=at, update_time=at)
            )
        await conversations.insert(tx, _OWNER, shown)
        for message in branch:
            await messages.insert(tx, message)

    (folder / "data").mkdir()
    db = await open_database(f"sqlite://{folder / 'data' / 'fireside.db'}")
    await db.write(write)
    await db.close()
    return shown.id


async def settled(chat: ChatPage, scene: Scene) -> None:
    """Waits until nothing on the page will change any more."""
    await expect(chat.answers).to_have_count(len(scene.turns) // 2)
    await expect(chat.page.locator("[data-tex]:not([data-set])")).to_have_count(0)
    await expect(chat.page.locator(".katex").first).to_be_visible()
    if "```python" in "".join(scene.turns):
        await expect(chat.page.locator(".hljs-keyword").first).to_be_attached()
    await expect(chat.page.get_by_test_id("model-picker")).to_contain_text("Qwen")
    await chat.page.evaluate("document.fonts.ready")
    await chat.page.mouse.move(0, 0)


async def shoot(browser: Browser, server: ServerProcess, conversation: str, name: str, folder: Path) -> None:
    """Makes one picture."""
    scene, options = SHOTS[name]
    browsing = Browsing(browser)
    chat = await browsing.chat(server.url, conversation, **options)
    await settled(chat, scene)
    await chat.page.screenshot(path=folder / f"{name}.png")
    print(f"{folder / name}.png", *browsing.complaints())
    await browsing.close()


async def shoot_runners(browser: Browser, folder: Path) -> None:
    """Makes the picture of the settings of runners: one that works, one with a wrong key."""
    async with ollama_server() as ollama, key_server() as keyed:
        ollama.models[:] = ["qwen3:8b", "llama3.2:3b", "nomic-embed-text:latest"]
        ollama.loaded.add("qwen3:8b")
        with tempfile.TemporaryDirectory() as home, server_process(Path(home)) as server:
            browsing = Browsing(browser)
            device = await browsing.device(server.url, viewport={"width": 1280, "height": 860}, color_scheme="light")
            page = (await browsing.tab(device, SCREEN)).page
            for kind, name, address, key in (
                ("ollama", "workshop", ollama.url, ""),
                ("openai", "cloud", keyed.url, "sk-mistyped"),
            ):
                form = await fill(page, kind, name, address, key)
                await form.get_by_test_id("runner-display-name").fill(name.capitalize())
                await save(form)
            await healthy(page, "cloud", "down")
            await card(page, "workshop").get_by_test_id("runner-models-toggle").click()
            await expect(card(page, "workshop").get_by_test_id("runner-model")).to_have_count(3)
            await page.evaluate("document.querySelector('[data-testid=runners]').parentElement.scrollTo(0, 0)")
            await page.mouse.move(0, 0)
            await page.screenshot(path=folder / "runners.png")
            print(folder / "runners.png", *browsing.complaints())
            await browsing.close()


async def main(browser_path: str, folder: Path) -> None:
    """Makes all of them."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        for scene in (ENGLISH, CHINESE):
            with tempfile.TemporaryDirectory() as home:
                conversation = await furnish(Path(home), scene)
                models = PROJECT / ".cache" / "models"
                with server_process(Path(home), "--local-model", "true", "--models-dir", str(models)) as server:
                    for name in (name for name, (wanted, _) in SHOTS.items() if wanted is scene):
                        await shoot(browser, server, conversation, name, folder)
        await shoot_runners(browser, folder)
        await shoot_accounts(browser, folder)
        await shoot_sources(browser, folder)
        await shoot_library(browser, folder)
        await browser.close()


if __name__ == "__main__":
    finder = [sys.executable, str(PROJECT / "tools" / "browser.py")]
    found = subprocess.run(finder, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    asyncio.run(main(found, Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT / "docs" / "screenshots"))
