"""Makes the pictures of the library. screenshots.py runs it. Not a test."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from fireside.core.ids import new_id
from fireside.gen.v1.collection_service_pb2 import CreateCollectionRequest, ShareCollectionRequest
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR, SHARE_ROLE_VIEWER
from tests.accounts import AccountsServer, Person, accounts_server
from tests.e2e.browsing import Browsing
from tests.e2e.library_page import LibraryPage, write
from tests.e2e.team import browser_of
from tests.e2e.test_phone import PHONE

_DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}, "color_scheme": "light"}
_NOTES = {
    "Frost dates.md": "# Frost\n\n## Last frost\n\nIn this valley the last frost comes in the second week of May. Nothing that"
    " frost kills is planted out before that: tomatoes, beans and squash wait under glass.\n",
    "Soil and compost.md": "# Soil\n\n## Compost\n\nCompost is ready when it smells of the forest and nothing in it can be named any"
    " more. Two spades of it for each tomato are enough for a summer.\n",
    "Watering.md": "# Water\n\n## When\n\nTomatoes are watered at the foot, in the morning, and never on their leaves.\n",
    "beds/North bed.md": "# North bed\n\nPeas first, then kale. In its third year tomatoes.\n",
    "beds/South bed.md": "# South bed\n\nTomatoes along the wall, basil between them, marigolds at the edge.\n",
}
_OTHERS = (
    ("Repair manuals", "Everything in the house that has a plug", 0),
    ("Recipes", "What the garden becomes", SHARE_ROLE_VIEWER),
)


async def shoot_library(browser: Browser, folder: Path) -> None:
    """Makes `library.png` and `library-phone.png`."""
    with tempfile.TemporaryDirectory() as home:
        async with accounts_server(Path(home), embedding_model="off") as server:
            ada, bob = await server.set_up("Ada Lovelace", "ada@example.org"), await _bob(server)
            garden = await _collections(ada, bob)
            browsing = Browsing(browser)
            shown = LibraryPage(await (await browser_of(browsing, ada, **_DESKTOP)).new_page())
            await _fill(shown, garden, Path(home) / "files")
            await _picture(shown.page, folder / "library.png")
            phone = LibraryPage(await (await browser_of(browsing, ada, **PHONE, color_scheme="dark")).new_page())
            await phone.open(f"/library/{garden}")
            await phone.search.fill("when to plant tomatoes")
            await expect(phone.hits.first).to_be_visible()
            await _picture(phone.page, folder / "library-phone.png")
            print(*browsing.complaints())
            await browsing.close()


async def _bob(server: AccountsServer) -> Person:
    return await server.person("Bao Nguyen", email="bao@example.org")


async def _collections(ada: Person, bob: Person) -> str:
    """Makes the collections. Returns the id of the one that is filled."""
    async with ada.caller() as client, bob.caller() as his:
        garden = CreateCollectionRequest(
            collection_id=new_id(), name="Garden", description="What grows where, and what was learned from it"
        )
        await client.unary("CreateCollection", garden)
        share = ShareCollectionRequest(
            collection_id=garden.collection_id, email="bao@example.org", role=SHARE_ROLE_EDITOR
        )
        await client.unary("ShareCollection", share)
        for name, description, role in _OTHERS:
            made = CreateCollectionRequest(collection_id=new_id(), name=name, description=description)
            await (his if role else client).unary("CreateCollection", made)
            if role:
                theirs = ShareCollectionRequest(collection_id=made.collection_id, email="ada@example.org", role=role)
                await his.unary("ShareCollection", theirs)
    return garden.collection_id


async def _fill(shown: LibraryPage, garden: str, folder: Path) -> None:
    """Adds the notes, one file that cannot be read, and one that is on its way."""
    await shown.open(f"/library/{garden}")
    notes = [write(folder / "Garden notes", name, text) for name, text in _NOTES.items()]
    flat = [path for path in notes if path.parent.name != "beds"]
    await shown.add(*flat, write(folder, "Seed order.pdf", "%PDF-1.7 and nothing else"))
    await shown.drop([folder / "Garden notes" / "beds"])
    for name in ("Frost dates.md", "South bed.md"):
        await shown.reaches(name, "ready")
    await shown.reaches("Seed order.pdf", "failed")
    await shown.page.get_by_test_id("upload-clear").click()
    await shown.slow_down(2_000_000)
    film, photos = folder / "Walk through the garden.mp4", folder / "Photos 2026.zip"
    film.write_bytes(os.urandom(40_000_000))
    photos.write_bytes(os.urandom(9_000_000))
    await shown.add(film, photos)
    await expect(shown.upload(film.name).get_by_test_id("upload-status")).to_contain_text("left")
    await expect(shown.page.get_by_test_id("collection-about")).to_contain_text("1 not readable")


async def _picture(page: Page, path: Path) -> None:
    await page.evaluate("document.fonts.ready")
    await page.mouse.move(0, 0)
    await page.screenshot(path=path)
    print(path)
