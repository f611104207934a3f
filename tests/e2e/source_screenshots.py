"""Makes the picture of an answer with its source beside it. screenshots.py runs it. Not a test.

The question is asked of a server with a real file, so that the citations are real ones; what the scripted model echoed
is then replaced by an answer as a person would get it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.async_api import Browser, FilePayload, expect

from fireside.gen.v1.message_pb2 import Message
from fireside.store import conversations, messages
from fireside.store.db import open_database
from fireside.store.tx import Tx
from tests.browser import PROJECT
from tests.e2e.browsing import Browsing
from tests.e2e.scripts import begin, link_to
from tests.pdf_file import Page, pdf
from tests.server_process import server_process

_QUESTION = "How often do I have to clean the flue, and what if I smell smoke?"
_ANSWER = (
    "Have the flue swept **twice a year**, before and after the heating season [{sweep}]. If you burn softwood, look at"
    " it once a month as well [{sweep}].\n\nWhen you smell smoke in the room:\n\n1. Close the air inlet and keep the door"
    " shut [{smoke}].\n2. Open a window, and do not add wood [{smoke}].\n3. Have the flue checked before you light the"
    " stove again [{smoke}]."
)
_PAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Hearth 40: manual", (
        "This manual tells how to set up, light and look after your stove. Keep it with",
        "the stove, and hand it on with it.",
    )),
    ("Lighting", (
        "Lay two logs crosswise, kindling above them and a lighter on top: a fire that burns",
        "downwards smokes least. Open the air inlet fully. Close it by half when the logs",
        "have caught, after about ten minutes.",
        "",
        "Burn dry wood only. A log is dry enough when it has lain under a roof for two",
        "summers and sounds bright when two of them are struck together.",
    )),
    ("The flue", (
        "Soot in the flue can catch fire. Have the flue swept twice a year, before and after",
        "the heating season. Whoever burns softwood should look at the flue once a month,",
        "since resin leaves more soot behind.",
        "",
        "The cleaning door is behind the lowest plate. Let the stove grow cold first, and",
        "put on a mask: soot is not to be breathed.",
    )),
    ("Smoke in the room", (
        "If you smell smoke in the room, close the air inlet and keep the door of the stove",
        "shut. Open a window. Do not add wood. Have the flue checked before you light the",
        "stove again: a nest or a broken lining is the usual reason.",
    )),
)  # fmt: skip


def _manual() -> bytes:
    """A short PDF that looks like one."""
    pages: list[Page] = []
    for number, (title, lines) in enumerate(_PAGES, 1):
        page = Page().text(72, 800, "Hearth 40", 8).text(72, 740, title, 20)
        pages.append(page.lines(706, list(lines)).text(520, 40, str(number), 9))
    return pdf(pages, [(0, title, at) for at, (title, _) in enumerate(_PAGES)])


async def shoot_sources(browser: Browser, folder: Path) -> None:
    """Makes `sources.png`."""
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        models = PROJECT / ".cache" / "models"
        with server_process(place) as server:
            link = link_to(server.url, place)
            conversation = await begin(link, "echo", "The stove in the living room")
            browsing = Browsing(browser)
            chat = await browsing.chat(server.url, conversation)
            manual = FilePayload(name="hearth-40.pdf", mimeType="application/pdf", buffer=_manual())
            await chat.page.get_by_test_id("attach-files").set_input_files(manual)
            await expect(chat.page.locator("[data-testid=attachment][data-phase=ready]")).to_be_visible()
            await chat.send(_QUESTION)
            await chat.ended()
            answer = await chat.answer.get_attribute("data-message-id") or ""
            await browsing.close()
            await link.aclose()
        await _rewrite(place, answer)
        with server_process(place, "--local-model", "true", "--models-dir", str(models)) as server:
            browsing = Browsing(browser)
            chat = await browsing.chat(
                server.url, conversation, viewport={"width": 1440, "height": 900}, color_scheme="light"
            )
            await chat.answer.get_by_test_id("citation").first.click()
            await expect(chat.page.get_by_test_id("pdf-mark").first).to_be_in_viewport()
            await expect(chat.page.locator("[data-testid=pdf-page][data-drawn]").first).to_be_visible()
            await expect(chat.page.get_by_test_id("model-picker")).to_contain_text("Qwen")
            await chat.page.evaluate("document.fonts.ready")
            await chat.page.mouse.move(0, 0)
            await chat.page.screenshot(path=folder / "sources.png")
            print(folder / "sources.png", *browsing.complaints())
            await browsing.close()


async def _rewrite(place: Path, message_id: str) -> None:
    """Gives the answer a text that a model could have written, with the numbers that its sources have."""
    db = await open_database(f"sqlite://{place / 'data' / 'fireside.db'}")

    async def body(tx: Tx) -> None:
        answer = await messages.get(tx, "local", message_id)
        assert answer is not None
        await messages.update(tx, _rewritten(answer))
        conversation = await conversations.get(tx, "local", answer.conversation_id)
        assert conversation is not None
        conversation.model = ""
        await conversations.update(tx, "local", conversation)

    await db.write(body)
    await db.close()


def _rewritten(answer: Message) -> Message:
    pages = {part.citation.page: part.citation.number for part in answer.parts if part.HasField("citation")}
    for part in answer.parts:
        if part.HasField("text"):
            part.text.text = _ANSWER.format(sweep=pages[3], smoke=pages[4])
    answer.model = "Qwen2.5 Coder 0.5B"
    return answer
