"""Conversations of several people in real browsers: live, with who is there, and gone when access ends."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from fireside.gen.v1.policy_pb2 import LINK_SHARING_ANYONE
from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest, UpdatePolicyRequest
from tests.accounts import ADMIN, AccountsServer, Person
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import ChatPage, text_of
from tests.e2e.scripts import words
from tests.e2e.team import begin_as, browser_of, tab_of
from tests.e2e.test_accessibility import AXE, violations
from tests.e2e.test_phone import PHONE, fits


async def share(chat: ChatPage, email: str, role: str) -> None:
    """Gives somebody access in the dialog, which is closed afterwards."""
    await chat.front()
    await chat.page.get_by_test_id("share").click()
    await chat.page.get_by_test_id("share-email").fill(email)
    await chat.page.get_by_test_id("share-role").select_option(role)
    await chat.page.get_by_test_id("share-give").click()
    await expect(chat.page.locator(f"[data-testid=share-entry][data-email='{email}']")).to_be_visible()
    await chat.page.keyboard.press("Escape")
    await expect(chat.page.get_by_test_id("share-dialog")).to_have_count(0)


async def make_link(chat: ChatPage) -> str:
    """Makes a link in the dialog, which is closed afterwards. Returns its address."""
    await chat.page.get_by_test_id("share").click()
    await chat.page.get_by_test_id("share-link-make").click()
    link = await chat.page.get_by_test_id("share-link-url").input_value()
    await chat.page.keyboard.press("Escape")
    await expect(chat.page.get_by_test_id("share-dialog")).to_have_count(0)
    return link


async def begun(browsing: Browsing, person: Person, script: str = "tokens=8") -> tuple[ChatPage, str]:
    """A conversation of theirs with one answer, in a tab. Returns its id, too."""
    conversation = await begin_as(person, script, "Plans")
    chat = await tab_of(browsing, person, f"/c/{conversation}")
    await chat.send("The first message")
    await chat.ended()
    return chat, conversation


async def test_two_people_write_in_one_conversation(team: AccountsServer, browsing: Browsing) -> None:
    ada, bob = await team.person("Ada"), await team.person("Bob")
    hers, conversation = await begun(browsing, ada, "tokens=96,pace=10ms")
    his = await tab_of(browsing, bob)
    await share(hers, "bob@example.org", "editor")
    item = his.item(conversation)
    await expect(item.get_by_test_id("conversation-owner")).to_contain_text("Ada")
    await his.listed(conversation).click()
    await expect(his.question.get_by_test_id("message-author")).to_have_text("Ada")
    await his.send("A question of Bob's")
    await expect(his.question.get_by_test_id("message-author")).to_have_count(0)
    await hers.front()
    await expect(text_of(hers.question)).to_have_text("A question of Bob's")
    await expect(hers.question.get_by_test_id("message-author")).to_have_text("Bob")
    await expect(hers.answer).to_have_attribute("data-status", "streaming")
    for chat in (hers, his):
        await chat.ended()
        assert await chat.said() == words(96)


async def test_who_is_there_and_who_writes_is_seen(team: AccountsServer, browsing: Browsing) -> None:
    ada, bob = await team.person("Ada"), await team.person("Bob")
    hers, conversation = await begun(browsing, ada)
    await share(hers, "bob@example.org", "editor")
    his = await tab_of(browsing, bob, f"/c/{conversation}")
    here = hers.page.get_by_test_id("who-is-here")
    await expect(here).to_have_attribute("aria-label", "Also here: Bob")
    await expect(his.page.get_by_test_id("who-is-here")).to_have_attribute("aria-label", "Also here: Ada")
    await his.composer.press_sequentially("Well")
    writing = hers.page.get_by_test_id("writing")
    await expect(writing).to_have_text("Bob is writing…")
    await expect(writing).to_have_text("")
    await his.page.get_by_test_id("new-chat").click()
    await expect(here).to_have_count(0)
    await his.open(f"/c/{conversation}")
    await expect(here).to_have_count(1)
    # Closing the tab says so, too: what is not said would hold for half a minute.
    await his.page.close()
    await expect(here).to_have_count(0)


async def test_what_can_only_be_read_offers_nothing_else(team: AccountsServer, browsing: Browsing) -> None:
    # Who has left the conversation cannot say any more that they do not look at it.
    browsing.expect("404.*SetPresence")
    ada, bob = await team.person("Ada"), await team.person("Bob")
    hers, conversation = await begun(browsing, ada)
    await share(hers, "bob@example.org", "viewer")
    his = await tab_of(browsing, bob, f"/c/{conversation}")
    await expect(his.page.get_by_test_id("chat-viewer")).to_contain_text("Ada")
    for name in ("composer-input", "edit-message", "regenerate", "share"):
        await expect(his.page.get_by_test_id(name)).to_have_count(0)
    row = his.item(conversation)
    await row.hover()
    await row.get_by_test_id("conversation-menu").click()
    await expect(his.page.get_by_test_id("menu-leave")).to_be_visible()
    await expect(his.page.get_by_test_id("menu-delete")).to_have_count(0)
    await his.page.get_by_test_id("menu-leave").click()
    await his.page.get_by_test_id("confirm-action").click()
    await expect(his.listed(conversation)).to_have_count(0)
    await hers.front()
    await hers.page.get_by_test_id("share").click()
    await expect(hers.page.get_by_test_id("share-empty")).to_be_visible()


async def test_access_that_ends_or_changes_does_so_on_open_pages(team: AccountsServer, browsing: Browsing) -> None:
    browsing.expect("404")
    ada, bob = await team.person("Ada"), await team.person("Bob")
    hers, conversation = await begun(browsing, ada)
    await share(hers, "bob@example.org", "viewer")
    his = await tab_of(browsing, bob, f"/c/{conversation}")
    await expect(his.page.get_by_test_id("chat-viewer")).to_be_visible()
    await hers.front()
    await hers.page.get_by_test_id("share").click()
    await hers.page.get_by_test_id("share-entry-role").select_option("editor")
    await expect(his.composer).to_be_visible()
    await hers.page.get_by_test_id("share-end").click()
    await expect(his.page.get_by_test_id("chat-missing")).to_be_visible()
    await expect(his.listed(conversation)).to_have_count(0)


async def test_somebody_unknown_is_told_at_the_field(team: AccountsServer, browsing: Browsing) -> None:
    browsing.expect("404")
    ada = await team.person("Ada")
    hers, _ = await begun(browsing, ada)
    await hers.page.get_by_test_id("share").click()
    await hers.page.get_by_test_id("share-email").fill("nobody@example.org")
    await hers.page.get_by_test_id("share-give").click()
    await expect(hers.page.get_by_test_id("share-email-error")).to_be_visible()
    await expect(hers.page.get_by_test_id("share-email")).to_be_focused()


async def test_a_link_for_people_with_an_account(team: AccountsServer, browsing: Browsing) -> None:
    browsing.expect("401", "404")
    ada = await team.person("Ada")
    await team.person("Bob", password="a fine and long password")
    hers, _ = await begun(browsing, ada, "tokens=96,pace=10ms")
    link = await make_link(hers)
    page = await (await browsing.device(team.url)).new_page()
    await page.goto(link)
    await page.get_by_test_id("link-signin-act").click()
    await page.get_by_test_id("sign-in-email").fill("bob@example.org")
    await page.get_by_test_id("sign-in-password").fill("a fine and long password")
    await page.get_by_test_id("sign-in-password").press("Enter")
    await expect(page.get_by_test_id("link-title")).to_have_text("Plans")
    await expect(page).to_have_url(re.compile("/s/fsh_"))
    theirs = ChatPage(page)
    await hers.send("What is said now is seen there")
    await theirs.front()
    await expect(text_of(theirs.question)).to_have_text("What is said now is seen there")
    await theirs.ended()
    assert await theirs.said() == words(96)
    await expect(page.get_by_test_id("composer")).to_have_count(0)
    await hers.front()
    await hers.page.get_by_test_id("share").click()
    await hers.page.get_by_test_id("share-link-end").click()
    await expect(page.get_by_test_id("link-ended")).to_be_visible()


@pytest.mark.parametrize("look", ["desktop", "phone"])
async def test_a_link_for_anybody(team: AccountsServer, browsing: Browsing, look: str) -> None:
    ada = await team.person("Ada", ADMIN)
    async with ada.caller() as client:
        policy = (await client.unary("GetPolicy", GetPolicyRequest())).policy
        policy.link_sharing = LINK_SHARING_ANYONE
        await client.unary("UpdatePolicy", UpdatePolicyRequest(policy=policy))
    options = PHONE if look == "phone" else {}
    hers, _ = await begun(browsing, ada)
    link = await make_link(hers)
    device = await browsing.device(team.url, **options)
    await device.add_init_script(path=AXE)
    page = await device.new_page()
    await page.goto(link)
    await expect(page.get_by_test_id("link-title")).to_have_text("Plans")
    theirs = ChatPage(page)
    await expect(theirs.answers).to_have_count(1)
    assert await violations(theirs) == []
    assert look == "desktop" or await fits(theirs)


@pytest.mark.parametrize("look", ["desktop", "phone"])
async def test_the_dialog_is_for_everybody(team: AccountsServer, browsing: Browsing, look: str) -> None:
    ada, _ = await team.person("Ada"), await team.person("Bob")
    conversation = await begin_as(ada, "tokens=8", "Plans")
    device = await browser_of(browsing, ada, **PHONE if look == "phone" else {})
    await device.add_init_script(path=AXE)
    hers = await browsing.tab(device, f"/c/{conversation}")
    await hers.send("The first message")
    await hers.ended()
    await share(hers, "bob@example.org", "viewer")
    await hers.page.get_by_test_id("share").click()
    await hers.page.get_by_test_id("share-link-make").click()
    await expect(hers.page.get_by_test_id("share-link-url")).to_be_visible()
    assert await violations(hers) == []
    assert look == "desktop" or await fits(hers)
