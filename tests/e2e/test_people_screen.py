"""The screens of those who look after a server: people, invitations, groups, the policy and the audit log."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from fireside.gen.v1.account_pb2 import ACCOUNT_STATE_DISABLED
from fireside.gen.v1.people_service_pb2 import UpdateAccountRequest
from tests.accounts import ADMIN, GUEST, AccountsServer, Person
from tests.e2e.browsing import Browsing
from tests.e2e.team import browser_of, tab_of
from tests.e2e.test_accessibility import AXE, violations
from tests.e2e.test_phone import PHONE, fits


def row(page: Page, email: str) -> Locator:
    """Somebody in the list of people."""
    return page.locator(f"[data-testid=person][data-email='{email}']")


async def people_of(browsing: Browsing, person: Person) -> Page:
    """Their screen of people."""
    page = (await tab_of(browsing, person, "/settings/people")).page
    await expect(page.get_by_test_id("people-list")).to_be_visible()
    return page


async def test_a_person_is_added_and_comes_in_by_the_link(team: AccountsServer, browsing: Browsing) -> None:
    ada = await team.person("Ada", ADMIN)
    page = await people_of(browsing, ada)
    await page.get_by_test_id("people-add").click()
    await page.get_by_test_id("new-person-save").click()
    await expect(page.get_by_test_id("new-person-name")).to_be_focused()
    await page.get_by_test_id("new-person-name").fill("Bob Ray")
    await page.get_by_test_id("new-person-email").fill("bob@example.org")
    await page.get_by_test_id("role").select_option("guest")
    await page.get_by_test_id("new-person-save").click()
    link = await page.get_by_test_id("once-link").input_value()
    await page.get_by_test_id("new-person-close").click()
    await expect(row(page, "bob@example.org")).to_contain_text("Guest")
    await page.get_by_test_id("people-search").fill("nobody at all")
    await expect(page.get_by_test_id("people-empty")).to_be_visible()
    await page.get_by_test_id("people-search").fill("bob")
    await expect(page.get_by_test_id("person")).to_have_count(1)
    other = await (await browsing.device(team.url)).new_page()
    await other.goto(link)
    await other.get_by_test_id("new-password").fill("a fine and long password")
    await other.get_by_test_id("new-password").press("Enter")
    await expect(other.get_by_test_id("account-menu")).to_contain_text("Bob Ray")


async def test_closing_an_account_shuts_its_tabs_at_once(team: AccountsServer, browsing: Browsing) -> None:
    browsing.expect("401")
    ada, bob = await team.person("Ada", ADMIN), await team.person("Bob")
    theirs = await tab_of(browsing, bob)
    page = await people_of(browsing, ada)
    await row(page, "bob@example.org").click()
    await page.get_by_test_id("person-close").click()
    await expect(page.get_by_test_id("person-open")).to_be_visible()
    await expect(theirs.page.get_by_test_id("sign-in")).to_be_visible()
    await page.get_by_test_id("person-remove").click()
    await page.get_by_test_id("person-remove-email").fill("ada@example.org")
    await page.get_by_test_id("person-remove-confirm").click()
    await expect(page.get_by_test_id("person-remove-email-error")).to_be_visible()
    await page.get_by_test_id("person-remove-email").fill("bob@example.org")
    await page.get_by_test_id("person-remove-confirm").click()
    await expect(page.get_by_test_id("person-dialog")).to_have_count(0)
    await expect(row(page, "bob@example.org")).to_have_count(0)


async def test_a_change_made_elsewhere_is_told_and_shown(team: AccountsServer, browsing: Browsing) -> None:
    browsing.expect("409")
    ada, bob = await team.person("Ada", ADMIN), await team.person("Bob")
    page = await people_of(browsing, ada)
    await row(page, "bob@example.org").click()
    async with ada.caller() as client:
        await client.unary("UpdateAccount", UpdateAccountRequest(account_id=bob.id, name="Robert"))
    await page.get_by_test_id("person-role").select_option("guest")
    await page.get_by_test_id("person-save").click()
    await expect(page.get_by_test_id("told")).to_be_visible()
    await expect(page.get_by_test_id("person-name")).to_have_value("Robert")
    await page.get_by_test_id("person-role").select_option("guest")
    await page.get_by_test_id("person-save").click()
    await expect(row(page, "bob@example.org")).to_contain_text("Guest")


async def test_who_waits_stands_on_top_and_is_approved(team: AccountsServer, browsing: Browsing) -> None:
    ada = await team.person("Ada", ADMIN)
    page = (await tab_of(browsing, ada, "/settings/server")).page
    await page.get_by_test_id("signup-open").check()
    await page.get_by_test_id("policy-approve").check()
    await page.get_by_test_id("policy-save").click()
    await expect(page.get_by_test_id("toast")).to_be_visible()
    await page.reload()
    await expect(page.get_by_test_id("signup-open")).to_be_checked()
    other = await (await browsing.device(team.url)).new_page()
    await other.goto("/signup")
    await other.get_by_test_id("new-name").fill("Cy Young")
    await other.get_by_test_id("new-email").fill("cy@example.org")
    await other.get_by_test_id("new-password").fill("a fine and long password")
    await other.get_by_test_id("new-password").press("Enter")
    await expect(other.get_by_test_id("pending")).to_be_visible()
    await page.goto("/settings/people")
    waiting = page.get_by_test_id("waiting-person")
    await expect(waiting).to_contain_text("cy@example.org")
    await waiting.get_by_test_id("person-approve").click()
    await expect(waiting).to_have_count(0)
    await expect(row(page, "cy@example.org")).to_contain_text("Member")


async def test_a_group_is_made_and_gets_members(team: AccountsServer, browsing: Browsing) -> None:
    # A page that lists runners when the right to do so ends is told so.
    browsing.expect("403.*RunnerService")
    ada, bob = await team.person("Ada", ADMIN), await team.person("Bob Ray")
    page = (await tab_of(browsing, ada, "/settings/groups")).page
    await expect(page.get_by_test_id("groups-empty")).to_be_visible()
    await page.get_by_test_id("group-add").click()
    await page.get_by_test_id("group-name").fill("Lab")
    await page.get_by_test_id("group-permission-manage_runners").check()
    await page.get_by_test_id("group-save").click()
    await page.get_by_test_id("group-members").click()
    await page.get_by_test_id("member-add").fill("ray")
    await expect(page.get_by_test_id("member-add-option")).to_have_count(1)
    await page.get_by_test_id("member-add").press("Enter")
    await expect(page.get_by_test_id("member")).to_contain_text("Bob Ray")
    await page.get_by_test_id("members-close").click()
    await expect(page.get_by_test_id("group-members")).to_contain_text("1 member")
    theirs = (await tab_of(browsing, bob, "/settings/models")).page
    await expect(theirs.get_by_test_id("runners")).to_be_visible()
    await page.get_by_test_id("group-delete").click()
    await page.get_by_test_id("confirm-action").click()
    await expect(page.get_by_test_id("groups-empty")).to_be_visible()
    await theirs.reload()
    await expect(theirs.get_by_test_id("runners")).to_have_count(0)


async def test_an_invitation_is_made_and_ended(team: AccountsServer, browsing: Browsing) -> None:
    ada = await team.person("Ada", ADMIN)
    page = (await tab_of(browsing, ada, "/settings/invitations")).page
    await page.get_by_test_id("invitation-add").click()
    await page.get_by_test_id("invitation-email").fill("dora@example.org")
    await page.get_by_test_id("invitation-save").click()
    await expect(page.get_by_test_id("once-link")).to_have_value(re.compile(r"/join#fsl_"))
    await page.get_by_test_id("invitation-close").click()
    await expect(page.get_by_test_id("invitation")).to_contain_text("dora@example.org")
    await page.get_by_test_id("invitation-delete").click()
    await page.get_by_test_id("confirm-action").click()
    await expect(page.get_by_test_id("invitations-empty")).to_be_visible()


async def test_the_log_is_filtered_and_exported(team: AccountsServer, browsing: Browsing, tmp_path: Path) -> None:
    ada, bob = await team.person("Ada", ADMIN), await team.person("Bob")
    async with ada.caller() as client:
        closed = UpdateAccountRequest(account_id=bob.id, state=ACCOUNT_STATE_DISABLED)
        await client.unary("UpdateAccount", closed)
    page = (await tab_of(browsing, ada, "/settings/audit")).page
    event = page.locator("[data-testid=audit-event][data-action='account.state_changed']")
    await expect(event).to_contain_text("bob@example.org")
    await page.get_by_test_id("audit-kind").select_option("group")
    await expect(page.get_by_test_id("audit-empty")).to_be_visible()
    await page.get_by_test_id("audit-kind").select_option("all")
    await event.get_by_test_id("audit-actor").click()
    await expect(page.get_by_test_id("audit-only")).to_contain_text("ada@example.org")
    async with page.expect_download() as download:
        await page.get_by_test_id("audit-export").click()
    await (await download.value).save_as(tmp_path / "log.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert "account.state_changed" in {line["action"] for line in lines}


async def test_nothing_of_it_is_there_for_who_may_not(team: AccountsServer, browsing: Browsing) -> None:
    await team.person("Ada", ADMIN)
    guest = await team.person("Gus", GUEST)
    page = (await tab_of(browsing, guest, "/settings/people")).page
    await expect(page.get_by_test_id("account")).to_be_visible()
    for name in ("models", "people", "invitations", "groups", "server", "audit"):
        await expect(page.get_by_test_id(f"settings-page-{name}")).to_have_count(0)
        await page.goto(f"/settings/{name}")
        await expect(page.get_by_test_id("account")).to_be_visible()


@pytest.mark.parametrize("look", ["desktop", "phone"])
async def test_each_screen_is_for_everybody(team: AccountsServer, browsing: Browsing, look: str) -> None:
    ada = await team.person("Ada", ADMIN)
    await team.person("Bob")
    device = await browser_of(browsing, ada, **PHONE if look == "phone" else {})
    await device.add_init_script(path=AXE)
    chat = await browsing.tab(device)
    for name in ("people", "invitations", "groups", "server", "audit"):
        await chat.page.goto(f"/settings/{name}")
        await expect(chat.page.get_by_test_id(name)).to_be_visible()
        await expect(chat.page.get_by_test_id("skeleton")).to_have_count(0)
        assert await violations(chat) == [], name
        assert look == "desktop" or await fits(chat), name
    await chat.page.goto("/settings/people")
    await row(chat.page, "bob@example.org").click()
    await expect(chat.page.get_by_test_id("person-role")).to_be_visible()
    assert await violations(chat) == []
