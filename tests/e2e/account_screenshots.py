"""Makes the pictures of signing in, of sharing and of the people of a server. screenshots.py runs it. Not a test."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.accounts import GUEST, MEMBER, accounts_server
from tests.e2e.browsing import Browsing
from tests.e2e.team import begin_as, tab_of
from tests.e2e.test_phone import PHONE

_DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}, "color_scheme": "light"}
_PEOPLE = (
    ("Bao Nguyen", "bao", MEMBER), ("Clara Weiss", "clara", MEMBER), ("Dmitri Sokolov", "dmitri", GUEST),
    ("王小明", "wang", MEMBER),
)  # fmt: skip


async def shoot_accounts(browser: Browser, folder: Path) -> None:
    """Makes `sign-in.png`, `people.png` and `share.png`."""
    with tempfile.TemporaryDirectory() as home:
        async with accounts_server(Path(home)) as server:
            ada = await server.set_up("Ada Lovelace", "ada@example.org")
            for name, local, role in _PEOPLE:
                await server.person(name, role, email=f"{local}@example.org")
            # Before the list is read, so that it tells when they were last here.
            await server.identity.sessions.flush()
            browsing = Browsing(browser)
            await _sign_in(await browsing.device(server.url, **PHONE, color_scheme="dark"), folder)
            await _people((await tab_of(browsing, ada, "/settings/people", **_DESKTOP)).page, folder)
            conversation = await begin_as(ada, "tokens=48", "Plans for the spring")
            chat = await tab_of(browsing, ada, f"/c/{conversation}", **_DESKTOP)
            await chat.send("What shall we grow this year?")
            await chat.ended()
            await _share(chat.page, folder)
            print(*browsing.complaints())
            await browsing.close()


async def _sign_in(device: Any, folder: Path) -> None:
    page = await device.new_page()
    await page.goto("/")
    await expect(page.get_by_test_id("sign-in-email")).to_be_visible()
    await _picture(page, folder / "sign-in.png")


async def _people(page: Page, folder: Path) -> None:
    await expect(page.get_by_test_id("person")).to_have_count(len(_PEOPLE) + 1)
    await _picture(page, folder / "people.png")


async def _share(page: Page, folder: Path) -> None:
    await page.get_by_test_id("share").click()
    for email, role in (("bao@example.org", "editor"), ("clara@example.org", "viewer")):
        await page.get_by_test_id("share-email").fill(email)
        await page.get_by_test_id("share-role").select_option(role)
        await page.get_by_test_id("share-give").click()
        await expect(page.locator(f"[data-testid=share-entry][data-email='{email}']")).to_be_visible()
    await _picture(page, folder / "share.png")


async def _picture(page: Page, path: Path) -> None:
    await page.evaluate("document.fonts.ready")
    await page.mouse.move(0, 0)
    await page.screenshot(path=path)
    print(path)
