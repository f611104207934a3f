"""The library of the web app in a person's words: collections, documents and what is on its way. Not the app's state."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import Download, Locator, Page, expect

FAST = ("--embedding-model", "off")
"""Flags of a server on which documents are ready as soon as they can be searched by words."""


class LibraryPage:
    """One tab that shows the library."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.title = page.get_by_test_id("collection-title")
        self.search = page.get_by_test_id("library-search")
        self.hits = page.get_by_test_id("hit")
        self.tray = page.get_by_test_id("upload-tray")

    async def open(self, path: str = "/library") -> LibraryPage:
        """Goes to an address of the library; it is there afterwards."""
        await self.page.goto(path)
        await expect(self.page.get_by_test_id("library").locator("h1, h2").first).to_be_visible()
        return self

    async def create(self, name: str, description: str = "") -> None:
        """Makes a collection; its screen is there afterwards."""
        await self.page.get_by_test_id("collection-new").click()
        await self.page.get_by_test_id("collection-name").fill(name)
        await self.page.get_by_test_id("collection-description").fill(description)
        await self.page.get_by_test_id("collection-save").click()
        await expect(self.title).to_have_text(name)

    async def add(self, *paths: Path) -> None:
        """Chooses files to add."""
        await self.page.get_by_test_id("add-files-field").set_input_files([str(path) for path in paths])

    async def add_folder(self, path: Path) -> None:
        """Chooses a folder to add."""
        await self.page.get_by_test_id("add-folder-field").set_input_files(str(path))

    async def drop(self, paths: Sequence[Path], *, over: str = "library") -> None:
        """Drops files and folders, as the system's file manager does."""
        box = await self.page.get_by_test_id(over).bounding_box()
        assert box is not None
        session = await self.page.context.new_cdp_session(self.page)
        data: dict[str, Any] = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + min(box["height"], 400) / 2}
        for kind in ("dragEnter", "dragOver"):
            await session.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})
        if over == "library":
            await expect(self.page.get_by_test_id("drop-veil")).to_be_visible()
        await session.send("Input.dispatchDragEvent", {"type": "drop", **where, "data": data})
        await expect(self.page.get_by_test_id("drop-veil")).to_have_count(0)
        await session.detach()

    def document(self, name: str) -> Locator:
        """Its row in the list."""
        return self.page.locator(f"[data-testid=document][data-name='{name}']")

    async def reaches(self, name: str, state: str) -> None:
        """Waits until a document is in this state."""
        await expect(self.document(name)).to_have_attribute("data-state", state)

    def upload(self, name: str) -> Locator:
        """Its row in the tray."""
        return self.page.locator(f"[data-testid=upload][data-name='{name}']")

    async def unfold(self) -> None:
        """Shows the rows of the tray, also when all is done."""
        fold = self.page.get_by_test_id("upload-fold")
        if await fold.get_attribute("aria-expanded") == "false":
            await fold.click()

    async def choose(self, name: str, action: str) -> None:
        """Takes something from a document's menu."""
        await self.document(name).get_by_test_id("document-menu").click()
        await self.page.get_by_test_id(f"menu-{action}").click()

    def collection(self, name: str) -> Locator:
        """Its row in the list of all."""
        return self.page.locator(f"[data-testid=collection][data-name='{name}']")

    async def slow_down(self, bytes_per_second: int) -> None:
        """Lets no more than this go out of the page; 0 for as much as there is."""
        session = await self.page.context.new_cdp_session(self.page)
        throughput = bytes_per_second or -1
        await session.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": throughput},
        )


def write(folder: Path, name: str, text: str) -> Path:
    """A file of text."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def bytes_of(download: Download) -> bytes:
    """What was saved."""
    path = await download.path()
    return await asyncio.to_thread(Path(path).read_bytes)
