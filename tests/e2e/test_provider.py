"""Signing in at an OpenID Connect provider in a real browser: there, back, and what went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.browsing import Browsing
from tests.e2e.door_page import DoorPage
from tests.oidc_servers import CLIENT, SECRET, node_for_provider, real_provider
from tests.server_process import server_process

PEOPLE = {
    "bob": {"name": "Bob Ray", "email": "bob@example.org", "email_verified": True},
    "cat": {"name": "Cat", "email": "cat@elsewhere.org", "email_verified": True},
}


@pytest.mark.timeout(150)
async def test_somebody_signs_in_at_a_provider(tmp_path: Path, browsing: Browsing) -> None:
    async with real_provider(node_for_provider()) as provider:
        browsing.expect(f"a request to {provider.issuer}/", "favicon.ico")
        file = tmp_path / "settings.toml"
        file.write_text(
            f'[[oidc]]\nname = "company"\nlabel = "Example Inc."\nissuer = "{provider.issuer}"\nclient_id = "{CLIENT}"\n'
            f'client_secret = "{SECRET}"\nallowed_domains = ["example.org"]\nsign_up = true\n'
        )
        with server_process(tmp_path, "--single-user", "false", "--config", str(file)) as server:
            # Another site than the provider's, as it is for people.
            ours = f"http://localhost:{server.port}"
            await provider.ready(f"{ours}/auth/oidc/company/callback", PEOPLE)
            first = DoorPage(await (await browsing.device(ours)).new_page())
            await first.set_up()
            tab = DoorPage(await (await browsing.device(ours)).new_page())
            await tab.page.goto("/settings/models")
            await tab.page.get_by_test_id("sign-in-provider").click()
            await tab.page.locator("input").fill("cat")
            await tab.page.locator("button").click()
            await expect(tab.sign_in_screen).to_be_visible()
            assert tab.page.url == f"{ours}/signin#error=DOMAIN_NOT_ALLOWED"
            other = DoorPage(await (await browsing.device(ours)).new_page())
            await other.page.goto("/settings/models")
            await expect(other.page.get_by_test_id("sign-in-provider")).to_contain_text("Example Inc.")
            await other.page.get_by_test_id("sign-in-provider").click()
            await other.page.locator("input").fill("bob")
            await other.page.locator("button").click()
            await other.page.wait_for_url(f"{ours}/settings/models")
            await expect(other.menu).to_contain_text("Bob Ray")
            for page in (first.page, tab.page, other.page):
                # Before the server goes: pages fetch what they may need later while they are idle.
                await page.close()
