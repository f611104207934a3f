"""Coming into a server with accounts, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from tests.e2e.browsing import Browsing
from tests.e2e.door_page import ANN, PASSWORD, DoorPage
from tests.server_process import ServerProcess, server_process

BOB = ("Bob Ray", "bob@example.org")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with accounts; nobody has one yet."""
    with server_process(tmp_path, "--single-user", "false") as running:
        yield running


async def door(context: BrowserContext) -> DoorPage:
    """A new tab that has not gone anywhere."""
    return DoorPage(await context.new_page())


async def test_the_first_visitor_becomes_the_admin(guarded: ServerProcess, browsing: Browsing) -> None:
    tab = await door(await browsing.device(guarded.url))
    await tab.page.goto("/settings/models")
    await tab.page.get_by_test_id("new-submit").click()
    await expect(tab.page.get_by_test_id("new-name")).to_be_focused()
    await expect(tab.page.get_by_test_id("new-password-error")).to_contain_text("10 characters")
    await tab.page.get_by_test_id("new-password").fill("short")
    await expect(tab.page.get_by_test_id("new-password-strength")).to_have_attribute("data-value", "0")
    await tab.fill_new(*ANN, PASSWORD)
    await expect(tab.menu).to_contain_text(ANN[0])
    await tab.page.reload()
    await expect(tab.menu).to_contain_text(ANN[0])


async def test_signing_in_goes_on_where_somebody_wanted_to_be(guarded: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("401")
    tab = await door(await browsing.device(guarded.url))
    await tab.set_up()
    await tab.sign_out()
    await tab.page.goto("/settings/account")
    await tab.sign_in(password="a wrong password")
    await expect(tab.page.get_by_test_id("sign-in-password-error")).to_be_visible()
    await expect(tab.page.get_by_test_id("sign-in-password")).to_be_focused()
    await tab.sign_in()
    await expect(tab.account).to_be_visible()
    await tab.page.goto("/signin?next=/settings/models")
    await expect(tab.page.get_by_test_id("runners")).to_be_visible()
    await tab.page.goto("/signin?next=//example.org/evil")
    await expect(tab.page.get_by_test_id("composer-input")).to_be_visible()


async def test_too_many_tries_are_counted_down(guarded: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("401", "429")
    tab = await door(await browsing.device(guarded.url))
    await tab.set_up()
    await tab.sign_out()
    submit = tab.page.get_by_test_id("sign-in-submit")
    waiting = tab.page.get_by_test_id("form-wait")
    for turn in range(30):
        await tab.sign_in(password=f"a wrong password {turn}")
        await expect(waiting.or_(tab.page.get_by_test_id("sign-in-password-error"))).to_be_visible()
        await expect(submit.or_(waiting).first).to_be_visible()
        if await waiting.count() > 0:
            break
    await expect(waiting).to_contain_text("Try again in")
    await expect(submit).to_be_disabled()


async def test_an_ended_session_loses_nothing(guarded: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("401")
    device = await browsing.device(guarded.url)
    tab = await door(device)
    await tab.set_up()
    composer = tab.page.get_by_test_id("composer-input")
    await composer.fill("Words that nobody has sent yet")
    elsewhere = await door(await browsing.device(guarded.url))
    await elsewhere.page.goto("/")
    await elsewhere.sign_in()
    await expect(elsewhere.app).to_be_visible()
    await elsewhere.open_account()
    await elsewhere.page.get_by_test_id("sessions-revoke-all").click()
    await expect(elsewhere.page.get_by_test_id("session")).to_have_count(1)
    await expect(tab.sign_in_screen).to_be_visible()
    await expect(tab.page.get_by_test_id("sign-in-email")).to_have_value(ANN[1])
    await expect(composer).not_to_be_visible()
    await tab.sign_in()
    await expect(tab.sign_in_screen).to_have_count(0)
    await expect(composer).to_have_value("Words that nobody has sent yet")
    await expect(tab.page.get_by_test_id("connection-banner")).to_have_count(0)


async def test_all_tabs_follow_and_nobody_sees_what_is_another_s(guarded: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("401")
    device = await browsing.device(guarded.url)
    one = await door(device)
    await one.set_up()
    await one.make_account(*BOB)
    await one.page.get_by_test_id("composer-input").fill("What Ann is writing")
    two = await door(device)
    await two.page.goto("/")
    await expect(two.menu).to_contain_text(ANN[0])
    await one.sign_out()
    await expect(two.sign_in_screen).to_be_visible()
    await one.sign_in(BOB[1])
    await expect(one.menu).to_contain_text(BOB[0])
    await two.page.bring_to_front()
    await expect(two.menu).to_contain_text(BOB[0])
    await expect(two.page.get_by_test_id("composer-input")).to_have_value("")
    listed = await one.call("ConversationService/ListConversations", {"pageSize": 10})
    assert listed.get("conversations", []) == []
    # What Bob begins in one tab reaches the other by the stream that was Ann's before.
    await one.page.bring_to_front()
    await one.call(
        "ConversationService/CreateConversation",
        {"conversationId": "01990000-0000-7000-8000-000000000001", "title": "Of Bob", "model": "scripted/echo"},
    )
    await expect(two.page.get_by_test_id("conversation-item")).to_contain_text("Of Bob")
    await expect(one.page.get_by_test_id("connection-banner")).to_have_count(0)


async def test_an_invitation_makes_an_account_once(guarded: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("404", "400", "403")
    admin = await door(await browsing.device(guarded.url))
    await admin.set_up()
    made = await admin.call("PeopleService/CreateInvitation", {"email": BOB[1]})
    guest = await door(await browsing.device(guarded.url))
    await guest.page.goto(made["link"])
    await expect(guest.page.get_by_test_id("sign-up")).to_contain_text(f"{ANN[0]} invites you.")
    await expect(guest.page.get_by_test_id("new-email")).to_have_value(BOB[1])
    await guest.fill_new(BOB[0], None, PASSWORD)
    await expect(guest.menu).to_contain_text(BOB[0])
    await expect(guest.page).to_have_url(f"{guarded.url}/")
    other = await door(await browsing.device(guarded.url))
    await other.page.goto(made["link"])
    await expect(other.page.get_by_test_id("invitation-ended")).to_be_visible()
    await other.page.goto("/signup")
    await expect(other.page.get_by_test_id("sign-up-closed")).to_be_visible()


async def test_a_link_sets_a_password(guarded: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("400")
    admin = await door(await browsing.device(guarded.url))
    await admin.set_up()
    made = await admin.call("PeopleService/CreateAccount", {"name": BOB[0], "email": BOB[1]})
    bob = await door(await browsing.device(guarded.url))
    await bob.page.goto(made["link"])
    await bob.page.get_by_test_id("new-password").fill(PASSWORD)
    await bob.page.get_by_test_id("new-submit").click()
    await expect(bob.menu).to_contain_text(BOB[0])
    late = await door(await browsing.device(guarded.url))
    await late.page.goto(made["link"])
    await late.page.get_by_test_id("new-password").fill(PASSWORD)
    await late.page.get_by_test_id("new-submit").click()
    await expect(late.page.get_by_test_id("form-error")).to_contain_text("Ask for another")
    await late.page.goto("/reset")
    await expect(late.page.get_by_test_id("link-missing")).to_be_visible()


async def test_a_server_without_accounts_shows_no_trace_of_them(server: ServerProcess, browsing: Browsing) -> None:
    tab = await door(await browsing.device(server.url))
    for path in ("/signin", "/setup", "/join#token", "/settings/account", "/settings/people"):
        await tab.page.goto(path)
        await expect(tab.app).to_be_visible()
        await expect(tab.page.get_by_test_id("open-settings")).to_be_visible()
        await expect(tab.menu).to_have_count(0)
        await expect(tab.account).to_have_count(0)
        await expect(tab.page.get_by_test_id("settings-nav")).to_have_count(0)
