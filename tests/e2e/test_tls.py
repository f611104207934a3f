"""The page over TLS with the certificate that the server made: HTTP/2, and everything works the same."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import expect

from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import text_of
from tests.e2e.scripts import WORDS, begin, link_to, words
from tests.server_process import server_process


async def test_the_page_works_over_http2(tmp_path: Path, browsing: Browsing) -> None:
    with server_process(tmp_path, "--tls", "auto") as server:
        link = link_to(server.url, tmp_path)
        conversation = await begin(link, "tokens=60,pace=20ms")
        await link.aclose()
        device = await browsing.device(server.url, ignore_https_errors=True)
        await browsing.watch_growth(device, words(60))
        chat = await browsing.tab(device, f"/c/{conversation}")
        other = await browsing.tab(device, f"/c/{conversation}")
        protocols = await chat.page.evaluate(
            "[...new Set(performance.getEntriesByType('resource').map(it => it.nextHopProtocol))]"
        )
        assert protocols == ["h2"]
        await chat.send("Over TLS")
        await other.says(WORDS[5])
        await chat.page.reload()
        for tab in (chat, other):
            await tab.ended()
            assert await tab.said() == words(60)
        await chat.rename(conversation, "Renamed over TLS")
        await expect(other.listed(conversation)).to_have_text("Renamed over TLS")
        await expect(text_of(other.question)).to_have_text("Over TLS")
        await browsing.close()
