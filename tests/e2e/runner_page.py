"""The settings of runners in a person's words: a card, a form. Not the app's state."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

SCREEN = "/settings/models"
NOWHERE = "http://127.0.0.1:9"
"""Where nobody listens."""


def card(page: Page, name: str) -> Locator:
    """The card of a runner."""
    return page.locator(f'[data-testid=runner][data-runner="{name}"]')


async def order(page: Page) -> list[str]:
    """The names of the runners as they are shown."""
    return await page.get_by_test_id("runner").evaluate_all("cards => cards.map(it => it.dataset.runner)")


async def fill(page: Page, kind: str, name: str, address: str, key: str = "") -> Locator:
    """Opens the form and fills it in."""
    await page.get_by_test_id("runner-add").click()
    form = page.get_by_test_id("runner-form")
    await form.get_by_test_id("runner-kind").select_option(kind)
    await form.get_by_test_id("runner-name").fill(name)
    await form.get_by_test_id("runner-address").fill(address)
    if key:
        await form.get_by_test_id("runner-secret").fill(key)
    return form


async def save(form: Locator) -> None:
    """Saves, and waits until the form is gone."""
    await form.get_by_test_id("runner-save").click()
    await expect(form).to_have_count(0)


async def healthy(page: Page, name: str, health: str = "ok") -> None:
    """Waits for a runner's light."""
    await expect(card(page, name).get_by_test_id("runner-health")).to_have_attribute("data-health", health)
