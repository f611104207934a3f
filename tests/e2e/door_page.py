"""Coming into a server with accounts in a person's words: set up, sign in, what an admin makes for others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from playwright.async_api import Page, expect

PASSWORD = "a fine and long password"
ANN = ("Ann Lee", "ann@example.org")

_CALL = """
async ([path, body]) => {
  const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return JSON.parse(text || '{}');
}
"""


class DoorPage:
    """One tab, before or after somebody has come in."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.app = page.get_by_test_id("app")
        self.sign_in_screen = page.get_by_test_id("sign-in")
        self.menu = page.get_by_test_id("account-menu")
        self.account = page.get_by_test_id("account")

    async def set_up(self, name: str = ANN[0], email: str = ANN[1], password: str = PASSWORD) -> None:
        """Makes the first admin, and is in."""
        await self.page.goto("/")
        await self.fill_new(name, email, password)
        await expect(self.app).to_be_visible()
        await expect(self.menu).to_contain_text(name)

    async def fill_new(self, name: str, email: str | None, password: str) -> None:
        """Fills in and sends the form of a new account; no address where it is given."""
        await self.page.get_by_test_id("new-name").fill(name)
        if email is not None:
            await self.page.get_by_test_id("new-email").fill(email)
        await self.page.get_by_test_id("new-password").fill(password)
        await self.page.get_by_test_id("new-password").press("Enter")

    async def sign_in(self, email: str = ANN[1], password: str = PASSWORD) -> None:
        """Fills in and sends the form. Who is in afterwards is the test's to see."""
        await self.page.get_by_test_id("sign-in-email").fill(email)
        await self.page.get_by_test_id("sign-in-password").fill(password)
        await self.page.get_by_test_id("sign-in-password").press("Enter")

    async def sign_out(self) -> None:
        """By the menu of the account."""
        await self.choose("sign-out")
        await expect(self.sign_in_screen).to_be_visible()

    async def choose(self, action: str) -> None:
        """Takes `account`, `settings` or `sign-out` from the menu of the account."""
        await self.menu.click()
        await self.page.get_by_test_id(f"menu-{action}").click()

    async def open_account(self) -> None:
        """The screen of one's own account."""
        await self.page.goto("/settings/account")
        await expect(self.page.get_by_test_id("sessions")).to_be_visible()

    async def confirm(self, password: str = PASSWORD) -> None:
        """Says once more who it is, if that is asked."""
        await self.page.get_by_test_id("confirm-password").fill(password)
        await self.page.get_by_test_id("confirm-password").press("Enter")
        await expect(self.page.get_by_test_id("confirm-identity")).to_have_count(0)

    async def call(self, method: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Calls `Service/Method` as the page does, with its cookie."""
        return await self.page.evaluate(_CALL, [f"/fireside.v1.{method}", json.dumps(request)])

    async def make_account(self, name: str, email: str, password: str = PASSWORD) -> str:
        """As an admin. Returns its id."""
        made = await self.call("PeopleService/CreateAccount", {"name": name, "email": email, "password": password})
        return made["account"]["id"]
