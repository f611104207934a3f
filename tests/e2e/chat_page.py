"""A tab of the web app in a person's words: what is seen and what is done. Not the app's state."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect


class ChatPage:
    """One tab."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.composer = page.get_by_test_id("composer-input")
        self.send_button = page.get_by_test_id("send")
        self.stop_button = page.get_by_test_id("stop")
        self.scroller = page.get_by_test_id("messages")
        self.questions = page.locator("[data-role=user]")
        self.answers = page.locator("[data-role=assistant]")
        self.question = self.questions.last
        self.answer = self.answers.last
        self.banner = page.get_by_test_id("connection-banner")
        self.jump = page.get_by_test_id("jump-latest")
        self.palette = page.get_by_test_id("palette")
        self.toast = page.get_by_test_id("toast")

    async def open(self, path: str) -> None:
        """Goes to an address; the app is there afterwards."""
        await self.page.goto(path)
        await expect(self.page.get_by_test_id("app")).to_be_visible()

    async def front(self) -> None:
        """Brings the tab to the front. A browser draws the others once a second, which makes pressing in them slow."""
        await self.page.bring_to_front()

    async def send(self, text: str) -> None:
        """Writes a message and sends it by Enter. It is on the page afterwards."""
        await self.front()
        count = await self.questions.count()
        await self.composer.fill(text)
        await self.composer.press("Enter")
        await expect(self.questions).to_have_count(count + 1)
        await expect(text_of(self.question)).to_have_text(text)

    async def ended(self, finish: str = "complete") -> None:
        """Waits for the last answer to end."""
        await expect(self.answer).to_have_attribute("data-status", "done")
        await expect(self.answer).to_have_attribute("data-finish", finish)

    async def says(self, text: str) -> None:
        """Waits for the last answer to hold `text`."""
        await expect(text_of(self.answer)).to_contain_text(text)

    async def said(self) -> str:
        """The text of the last answer now, one space between words."""
        return " ".join(((await text_of(self.answer).text_content()) or "").split())

    def listed(self, conversation: str) -> Locator:
        """Its link in the list of conversations, by its id."""
        return self.page.locator(f'a[data-conversation="{conversation}"]')

    def item(self, conversation: str) -> Locator:
        """Its whole row in the list."""
        return self.page.get_by_test_id("conversation-item").filter(has=self.listed(conversation))

    async def choose(self, conversation: str, action: str) -> None:
        """Takes `rename` or `delete` from a conversation's menu."""
        await self.front()
        row = self.item(conversation)
        await row.hover()
        await row.get_by_test_id("conversation-menu").click()
        await self.page.get_by_test_id(f"menu-{action}").click()

    async def rename(self, conversation: str, title: str) -> None:
        """Gives a conversation another name, by its menu."""
        await self.choose(conversation, "rename")
        field = self.page.get_by_test_id("rename-input")
        await field.fill(title)
        await field.press("Enter")

    async def show_settings(self) -> Locator:
        """Opens the settings."""
        await self.front()
        await self.page.get_by_test_id("open-settings").click()
        dialog = self.page.get_by_test_id("settings")
        await expect(dialog).to_be_visible()
        return dialog

    async def distance_to_end(self) -> float:
        """How far the messages are from being scrolled to their end, in pixels."""
        return await self.scroller.evaluate("it => it.scrollHeight - it.scrollTop - it.clientHeight")


def text_of(message: Locator) -> Locator:
    """Where the words of a message are."""
    return message.get_by_test_id("message-text")
