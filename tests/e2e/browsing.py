"""Browser contexts and pages that are watched: whatever a console or a policy says that no test expects is a failure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Request, WebError

from tests.e2e.chat_page import ChatPage

PATIENCE_MS = 15_000
"""How long a condition may take before the test fails. It is long since the machine may be busy; nothing waits for it."""

# Answers are looked at whenever the page changes, so that what is wrong for one moment is seen, too.
_WATCH_GROWTH = """
(expected => {
  const look = () => {
    for (const element of document.querySelectorAll('[data-role=assistant] [data-testid=message-text]')) {
      const text = element.textContent.trim().replace(/\\s+/g, ' ');
      if (!expected.startsWith(text)) reportTrouble(`an answer was: …${text.slice(-120)}`);
    }
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
})(%s)
"""
_WATCH_POLICY = """
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  reportTrouble(`a violation of ${violatedDirective} by ${blockedURI}`));
"""


class Browsing:
    """The browser of one test: any number of contexts (devices) with any number of tabs."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._heard: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    async def device(self, url: str, **options: Any) -> BrowserContext:
        """A context of its own: another device or another person's browser. `options` are Playwright's."""
        context = await self._browser.new_context(
            base_url=url, **{"locale": "en-US", "reduced_motion": "reduce"} | options
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        home = urlsplit(url).netloc

        def asked(request: Request) -> None:
            if urlsplit(request.url).netloc not in {home, ""}:
                self._heard.append(f"a request to {request.url}")

        context.on("console", self._said)
        context.on("weberror", self._failed)
        context.on("request", asked)
        await context.expose_function("reportTrouble", lambda line: self._heard.append(line))  # noqa: PLW0108  # Playwright marks it.
        await context.add_init_script(_WATCH_POLICY)
        return context

    async def tab(self, context: BrowserContext, path: str = "/") -> ChatPage:
        """A new tab that shows `path`."""
        page = ChatPage(await context.new_page())
        await page.open(path)
        return page

    async def chat(self, url: str, conversation: str, **options: Any) -> ChatPage:
        """A tab on a device of its own that shows a conversation."""
        return await self.tab(await self.device(url, **options), f"/c/{conversation}")

    async def watch_growth(self, context: BrowserContext, expected: str) -> None:
        """Pages opened from now on complain when an answer ever is anything but a beginning of `expected`."""
        await context.add_init_script(_WATCH_GROWTH % repr(expected))

    def expect(self, *patterns: str) -> None:
        """Complaints that match one of these regular expressions are part of the test."""
        self._expected += map(re.compile, patterns)

    def complaints(self) -> Sequence[str]:
        """What was heard and not expected."""
        return [line for line in self._heard if not any(pattern.search(line) for pattern in self._expected)]

    async def close(self) -> None:
        """Closes all pages. A test calls it before it ends its server, which the pages would complain about."""
        while self._contexts:
            await self._contexts.pop().close()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._heard.append(f"console {message.type}: {message.text} ({message.location['url']})")

    def _failed(self, error: WebError) -> None:
        self._heard.append(f"uncaught: {error.error}")
