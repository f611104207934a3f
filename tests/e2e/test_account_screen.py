"""One's own account in the settings, in a real browser: profile, password, sessions, keys, second factors, leaving."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import BrowserContext, expect
from pyotp.totp import TOTP

from tests.e2e.browsing import Browsing
from tests.e2e.door_page import ANN, PASSWORD, DoorPage
from tests.server_process import ServerProcess, server_process

BOB = ("Bob Ray", "bob@example.org")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with accounts; nobody has one yet."""
    with server_process(tmp_path, "--single-user", "false") as running:
        yield running


async def admin(context: BrowserContext) -> DoorPage:
    """The first admin, at their account."""
    tab = DoorPage(await context.new_page())
    await tab.set_up()
    await tab.open_account()
    return tab


def local(server: ServerProcess) -> str:
    """The server by the name under which browsers have passkeys: they take no addresses."""
    return f"http://localhost:{server.port}"


async def test_the_profile_is_kept_and_shown(guarded: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("409", "400")
    tab = await admin(await browsing.device(guarded.url))
    await tab.make_account(*BOB)
    name = tab.page.get_by_test_id("profile-name")
    save = tab.page.get_by_test_id("profile-save")
    await expect(save).to_be_disabled()
    await name.fill("Ann Rivers")
    await name.press("Enter")
    await expect(tab.menu).to_contain_text("Ann Rivers")
    await expect(save).to_be_disabled()
    await tab.page.get_by_test_id("profile-email").fill(BOB[1])
    await save.click()
    await expect(tab.page.get_by_test_id("profile-email-error")).to_be_visible()
    await tab.page.get_by_test_id("profile-email").fill("rivers@example.org")
    await save.click()
    await expect(tab.menu).to_contain_text("rivers@example.org")
    await tab.page.get_by_test_id("profile-language").select_option("zh")
    await save.click()
    await expect(tab.page.locator("html")).to_have_attribute("lang", "zh-Hans")
    await tab.page.reload()
    await expect(tab.page.get_by_test_id("profile").get_by_role("heading")).to_have_text("个人资料")


async def test_a_changed_password_ends_the_other_sessions(guarded: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("401", "400")
    tab = await admin(await browsing.device(guarded.url))
    other = DoorPage(await (await browsing.device(guarded.url)).new_page())
    await other.page.goto("/")
    await other.sign_in()
    await expect(other.app).to_be_visible()
    await tab.page.get_by_test_id("password-change").click()
    await tab.page.get_by_test_id("password-current").fill("not the password")
    await tab.page.get_by_test_id("password-new").fill("another long password")
    await tab.page.get_by_test_id("password-new").press("Enter")
    await expect(tab.page.get_by_test_id("password-current-error")).to_be_visible()
    await tab.page.get_by_test_id("password-current").fill(PASSWORD)
    await tab.page.get_by_test_id("password-save").click()
    await expect(tab.page.get_by_test_id("password-change")).to_be_visible()
    await expect(other.sign_in_screen).to_be_visible()
    await other.sign_in(password="another long password")
    await expect(other.app).to_be_visible()
    # The session that changed it goes on, its stream as well.
    await tab.page.goto("/")
    await expect(tab.menu).to_be_visible()
    await expect(tab.page.get_by_test_id("connection-banner")).to_have_count(0)


async def test_a_session_is_ended_from_afar(guarded: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("401")
    tab = await admin(await browsing.device(guarded.url))
    other = DoorPage(await (await browsing.device(guarded.url)).new_page())
    await other.page.goto("/")
    await other.sign_in()
    await expect(other.app).to_be_visible()
    await tab.page.reload()
    sessions = tab.page.get_by_test_id("session")
    await expect(sessions).to_have_count(2)
    await expect(sessions.filter(has_text="This one")).to_have_count(1)
    await tab.page.get_by_test_id("session-revoke").click()
    await expect(sessions).to_have_count(1)
    await expect(other.sign_in_screen).to_be_visible()


async def test_a_key_is_shown_once_and_works_until_it_is_deleted(guarded: ServerProcess, browsing: Browsing) -> None:
    tab = await admin(await browsing.device(guarded.url, permissions=["clipboard-read", "clipboard-write"]))
    await tab.page.get_by_test_id("api-key-add").click()
    await tab.page.get_by_test_id("api-key-make").click()
    await expect(tab.page.get_by_test_id("api-key-name-error")).to_be_visible()
    await tab.page.get_by_test_id("api-key-name").fill("Notebook")
    await tab.page.get_by_test_id("api-key-scope-chat").uncheck()
    await tab.page.get_by_test_id("api-key-expiry").select_option("30")
    await tab.page.get_by_test_id("api-key-make").click()
    secret = (await tab.page.get_by_test_id("api-key-secret").text_content() or "").strip()
    assert secret.startswith("fsk_")
    await tab.page.get_by_test_id("api-key-secret-copy").click()
    await expect(tab.page.get_by_test_id("api-key-secret-copy")).to_contain_text("Copied")
    assert await tab.page.evaluate("navigator.clipboard.readText()") == secret
    await tab.page.get_by_test_id("api-key-done").click()
    key = tab.page.get_by_test_id("api-key")
    await expect(key).to_contain_text("Notebook")
    await expect(key).to_contain_text("Read the list of models")
    assert secret not in await tab.page.content()
    async with aiohttp.ClientSession(guarded.url, headers={"authorization": f"Bearer {secret}"}) as client:
        assert (await client.get("/v1/models")).status == 200
        await key.get_by_test_id("api-key-delete").click()
        await tab.page.get_by_test_id("confirm-action").click()
        await expect(key).to_have_count(0)
        assert (await client.get("/v1/models")).status == 401


async def test_codes_of_an_app_are_turned_on_asked_for_and_off(guarded: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("400", "401")
    tab = await admin(await browsing.device(guarded.url))
    await tab.page.get_by_test_id("factors-add").click()
    picture = tab.page.get_by_test_id("factors-qr")
    await expect(picture).to_have_js_property("complete", True)
    assert await picture.evaluate("it => it.naturalWidth") > 0
    secret = (await tab.page.get_by_test_id("factors-secret").text_content() or "").strip()
    app = TOTP(secret)
    await tab.page.get_by_test_id("factors-code").fill("000000")
    await tab.page.get_by_test_id("factors-confirm").click()
    await expect(tab.page.get_by_test_id("factors-code-error")).to_be_visible()
    await tab.page.get_by_test_id("factors-code").fill(app.now())
    await tab.page.get_by_test_id("factors-confirm").click()
    listed = tab.page.get_by_test_id("recovery-code-list").locator("code")
    await expect(listed).to_have_count(10)
    codes = await listed.all_text_contents()
    await tab.page.get_by_test_id("recovery-codes-done").click()
    await expect(tab.page.get_by_test_id("factors-state")).to_have_text("On")
    await expect(tab.page.get_by_test_id("factors-left")).to_contain_text("10")
    await tab.sign_out()
    await tab.sign_in()
    await expect(tab.page.get_by_test_id("second-code")).to_be_focused()
    await tab.page.get_by_test_id("second-code").fill("000000")
    await expect(tab.page.get_by_test_id("second-code-error")).to_be_visible()
    await tab.page.get_by_test_id("second-use-recovery").click()
    await tab.page.get_by_test_id("second-recovery").fill(codes[0])
    await tab.page.get_by_test_id("second-recovery").press("Enter")
    await expect(tab.menu).to_be_visible()
    await tab.open_account()
    await expect(tab.page.get_by_test_id("factors-left")).to_contain_text("9")
    await tab.page.get_by_test_id("factors-remove").click()
    await tab.page.get_by_test_id("confirm-action").click()
    await expect(tab.page.get_by_test_id("factors-state")).to_have_text("Off")


async def test_a_passkey_is_added_signs_in_and_is_removed(guarded: ServerProcess, browsing: Browsing) -> None:
    device = await browsing.device(local(guarded))
    tab = await admin(device)
    tools = await device.new_cdp_session(tab.page)
    await tools.send("WebAuthn.enable")
    await tools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                "isUserVerified": True, "automaticPresenceSimulation": True,
            }
        },
    )  # fmt: skip
    await tab.page.get_by_test_id("passkey-add").click()
    await tab.page.get_by_test_id("passkey-name").fill("My laptop")
    await tab.page.get_by_test_id("passkey-make").click()
    passkey = tab.page.get_by_test_id("passkey")
    await expect(passkey).to_contain_text("My laptop")
    await tab.sign_out()
    await tab.page.get_by_test_id("sign-in-passkey").click()
    await expect(tab.menu).to_contain_text(ANN[0])
    await tab.choose("account")
    await passkey.get_by_test_id("passkey-remove").click()
    await tab.page.get_by_test_id("confirm-action").click()
    await expect(passkey).to_have_count(0)


async def test_everything_is_exported_as_an_archive(guarded: ServerProcess, browsing: Browsing) -> None:
    tab = await admin(await browsing.device(guarded.url))
    async with tab.page.expect_download() as coming:
        await tab.page.get_by_test_id("data-export").click()
    saved = await coming.value
    path = await saved.path()
    assert saved.suggested_filename.endswith(".zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist()


async def test_an_account_is_deleted_by_its_address(guarded: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("400", "401")
    first = await admin(await browsing.device(guarded.url))
    await first.page.get_by_test_id("data-delete").click()
    await first.page.get_by_test_id("delete-email").fill(ANN[1])
    await first.page.get_by_test_id("delete-submit").click()
    await expect(first.page.get_by_test_id("form-error")).to_contain_text("only admin")
    await first.make_account(*BOB)
    tab = DoorPage(await (await browsing.device(guarded.url)).new_page())
    await tab.page.goto("/")
    await tab.sign_in(BOB[1])
    await expect(tab.app).to_be_visible()
    await tab.open_account()
    await expect(tab.page.get_by_test_id("settings-nav")).to_have_count(0)
    await tab.page.get_by_test_id("data-delete").click()
    await tab.page.get_by_test_id("delete-email").fill("somebody@example.org")
    await tab.page.get_by_test_id("delete-submit").click()
    await expect(tab.page.get_by_test_id("delete-email-error")).to_be_visible()
    await tab.page.get_by_test_id("delete-email").fill(BOB[1])
    await tab.page.get_by_test_id("delete-submit").click()
    await expect(tab.sign_in_screen).to_be_visible()
    await tab.sign_in(BOB[1])
    await expect(tab.page.get_by_test_id("sign-in-password-error")).to_be_visible()
