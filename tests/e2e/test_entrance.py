"""The screens of coming in, and one's own account: under axe, by keyboard alone, on a phone, by mail, and once more."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.accounts import PASSWORD, AccountsServer, accounts_server
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import ChatPage
from tests.e2e.door_page import DoorPage
from tests.e2e.team import browser_of
from tests.e2e.test_accessibility import AXE, violations
from tests.e2e.test_phone import PHONE
from tests.own_calls import half_an_hour_later
from tests.smtp_server import Mailbox, smtp_server

_LOOKS: dict[str, dict[str, Any]] = {"desktop": {}, "phone": PHONE}
_WIDER = "document.scrollingElement.scrollWidth > innerWidth"


async def fine(page: Page) -> None:
    """Nothing serious for axe, and nothing wider than the screen."""
    assert await violations(ChatPage(page)) == []
    assert not await page.evaluate(_WIDER)


@pytest.mark.parametrize("look", _LOOKS)
async def test_coming_in_is_accessible(team: AccountsServer, browsing: Browsing, look: str) -> None:
    browsing.expect("401", "404")
    device = await browsing.device(team.url, **_LOOKS[look])
    await device.add_init_script(path=AXE)
    tab = DoorPage(await device.new_page())
    await tab.page.goto("/")
    await tab.page.get_by_test_id("new-submit").click()
    await expect(tab.page.get_by_test_id("new-name-error")).to_be_visible()
    await tab.page.get_by_test_id("new-password").fill("a password")
    await fine(tab.page)
    ann = await team.set_up()
    await tab.page.goto("/signin")
    await tab.sign_in(ann.account.email, "not the password")
    await expect(tab.page.get_by_test_id("sign-in-password-error")).to_be_visible()
    await fine(tab.page)
    for path, screen in (
        ("/join#fsl_nothing", "invitation-ended"),
        ("/reset#token", "set-password"),
        ("/welcome", "link-missing"),
    ):
        await tab.page.goto(path)
        await tab.page.reload()
        await expect(tab.page.get_by_test_id(screen)).to_be_visible()
        await fine(tab.page)


@pytest.mark.parametrize("look", _LOOKS)
async def test_the_account_is_accessible(team: AccountsServer, browsing: Browsing, look: str) -> None:
    ann = await team.set_up()
    device = await browser_of(browsing, ann, **_LOOKS[look])
    await device.add_init_script(path=AXE)
    tab = DoorPage(await device.new_page())
    await tab.open_account()
    await fine(tab.page)
    await tab.page.get_by_test_id("password-change").click()
    await tab.page.get_by_test_id("factors-add").click()
    await expect(tab.page.get_by_test_id("factors-qr")).to_be_visible()
    await fine(tab.page)
    await tab.page.get_by_test_id("api-key-add").click()
    await tab.page.get_by_test_id("api-key-make").click()
    await expect(tab.page.get_by_test_id("api-key-name-error")).to_be_visible()
    await fine(tab.page)


async def test_signing_in_by_keyboard_alone(team: AccountsServer, browsing: Browsing) -> None:
    ann = await team.person("Ann", password=PASSWORD)
    tab = DoorPage(await (await browsing.device(team.url)).new_page())
    await tab.page.goto("/settings/account")
    await expect(tab.page.get_by_role("heading", name="Sign in")).to_be_focused()
    keyboard = tab.page.keyboard
    await keyboard.press("Tab")
    await keyboard.type(ann.account.email)
    await keyboard.press("Tab")
    await keyboard.type(PASSWORD)
    await keyboard.press("Tab")
    await keyboard.press("Space")
    await expect(tab.page.get_by_test_id("sign-in-password")).to_have_attribute("type", "text")
    await keyboard.press("Tab")
    await expect(tab.page.get_by_test_id("sign-in-submit")).to_be_focused()
    await keyboard.press("Enter")
    await expect(tab.account).to_be_visible()


async def test_what_opens_the_account_needs_the_password_once_more(team: AccountsServer, browsing: Browsing) -> None:
    browsing.expect("400", "401")
    ann = await team.person("Ann", password=PASSWORD)
    tab = DoorPage(await (await browser_of(browsing, ann)).new_page())
    await tab.open_account()
    await half_an_hour_later(team, ann)
    await tab.page.get_by_test_id("factors-add").click()
    question = tab.page.get_by_test_id("confirm-password")
    await expect(question).to_be_focused()
    await question.fill("not the password")
    await question.press("Enter")
    await expect(tab.page.get_by_test_id("confirm-password-error")).to_be_visible()
    await tab.page.get_by_test_id("confirm-identity-cancel").click()
    await expect(tab.page.get_by_test_id("factors-qr")).to_have_count(0)
    await tab.page.get_by_test_id("factors-add").click()
    await tab.confirm(PASSWORD)
    await expect(tab.page.get_by_test_id("factors-qr")).to_be_visible()


@pytest_asyncio.fixture(loop_scope="session")
async def mailbox() -> AsyncIterator[Mailbox]:
    """Takes the server's mails."""
    async with smtp_server() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def mailing(tmp_path: Path, mailbox: Mailbox) -> AsyncIterator[AccountsServer]:
    """A server with accounts that sends mail, and lets anybody of example.org make an account."""
    settings = {
        "smtp_host": "127.0.0.1", "smtp_port": str(mailbox.port), "smtp_security": "off", "smtp_from": "fireside@example.org",
        "public_url": "https://chat.example.org",
    }  # fmt: skip
    async with accounts_server(tmp_path, **settings) as running:
        yield running


async def path_in_mail(mailbox: Mailbox, count: int = 1) -> str:
    """What the link of the last mail leads to."""
    mail = (await mailbox.arrived(count))[-1]
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(r"https://chat\.example\.org(/\S+)", body.get_content())
    assert found is not None
    return found[1]


async def test_a_forgotten_password_is_replaced_by_mail(
    mailing: AccountsServer, mailbox: Mailbox, browsing: Browsing
) -> None:
    ann = await mailing.person("Ann", password=PASSWORD)
    tab = DoorPage(await (await browsing.device(mailing.url)).new_page())
    await tab.page.goto("/")
    await tab.page.get_by_test_id("sign-in-email").fill(ann.account.email)
    await tab.page.get_by_test_id("forgot").click()
    await expect(tab.page.get_by_test_id("forgot-email")).to_have_value(ann.account.email)
    await tab.page.get_by_test_id("forgot-submit").click()
    await expect(tab.page.get_by_test_id("check-mail")).to_contain_text(ann.account.email)
    await tab.page.goto(await path_in_mail(mailbox))
    await tab.page.get_by_test_id("new-password").fill("quite another password")
    await tab.page.get_by_test_id("new-password").press("Enter")
    await expect(tab.menu).to_contain_text("Ann")
    await expect(tab.page).to_have_url(f"{mailing.url}/")


async def test_whoever_may_signs_up_and_confirms_the_address(
    mailing: AccountsServer, mailbox: Mailbox, browsing: Browsing
) -> None:
    admin = DoorPage(await (await browser_of(browsing, await mailing.set_up())).new_page())
    await admin.page.goto("/")
    await expect(admin.app).to_be_visible()
    policy = (await admin.call("PolicyService/GetPolicy", {}))["policy"]
    await admin.call("PolicyService/UpdatePolicy", {"policy": policy | {"signUp": "SIGN_UP_MODE_OPEN"}})
    tab = DoorPage(await (await browsing.device(mailing.url)).new_page())
    await tab.page.goto("/")
    await tab.page.get_by_test_id("to-sign-up").click()
    await tab.fill_new("Bob", "bob@elsewhere.example", "a password of Bob")
    await expect(tab.page.get_by_test_id("check-mail")).to_contain_text("bob@elsewhere.example")
    await tab.page.goto(await path_in_mail(mailbox))
    await tab.page.get_by_test_id("confirm-email-submit").click()
    await expect(tab.page.get_by_test_id("confirm-email")).to_contain_text("Give your password")
    await tab.page.get_by_test_id("confirm-email-password").fill("a password of Bob")
    await tab.page.get_by_test_id("confirm-email-submit").click()
    await expect(tab.menu.or_(tab.page.get_by_test_id("pending"))).to_be_visible()


_PROVIDER = """
[[oidc]]
name = "company"
label = "Example Inc."
issuer = "http://127.0.0.1:9"
client_id = "fireside"
client_secret = "a secret that nobody knows"
"""


async def test_a_provider_that_is_away_leads_back_to_the_door(tmp_path: Path, browsing: Browsing) -> None:
    async with accounts_server(tmp_path, _PROVIDER) as server:
        await server.set_up()
        tab = DoorPage(await (await browsing.device(server.url)).new_page())
        await tab.page.goto("/settings/account")
        way = tab.page.get_by_test_id("sign-in-provider")
        await expect(way).to_have_text("Continue with Example Inc.")
        await expect(way).to_have_attribute("href", "/auth/oidc/company/start?next=%2Fsettings%2Faccount")
        await way.click()
        await expect(tab.page.get_by_test_id("provider-refused")).to_be_visible()
        await expect(tab.sign_in_screen).to_be_visible()
