"""A network that breaks: the page says so, keeps what is written, and goes on when the network is back."""

from __future__ import annotations

from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import text_of
from tests.e2e.relay import relay_to
from tests.e2e.scripts import WORDS, begin, words
from tests.server_process import ServerProcess

_AWAY = r"net::ERR_"


async def test_offline_in_mid_answer_and_back_loses_nothing(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    browsing.expect(_AWAY)
    conversation = await begin(link, "tokens=200,pace=20ms")
    async with relay_to(server.port) as relay:
        device = await browsing.device(relay.url)
        await browsing.watch_growth(device, words(200))
        chat = await browsing.tab(device, f"/c/{conversation}")
        await chat.send("I am in a tunnel")
        await chat.says(WORDS[20])
        await device.set_offline(True)
        await relay.cut()
        await expect(chat.banner).to_have_attribute("data-kind", "offline")
        await expect(chat.banner).to_contain_text("You are offline. What you write is kept.")
        await chat.composer.fill("A draft that was written offline")
        await relay.mend()
        await device.set_offline(False)
        await expect(chat.banner).to_have_count(0)
        await chat.ended()
        assert await chat.said() == words(200)
        await expect(chat.composer).to_have_value("A draft that was written offline")
        await chat.page.reload()
        await expect(chat.composer).to_have_value("A draft that was written offline")
        assert await chat.said() == words(200)


async def test_a_message_that_cannot_be_sent_stays_with_a_retry(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    browsing.expect(_AWAY)
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    # The live stream stays, so that nothing but the button sends the message again.
    await chat.page.route("**/StartGeneration", lambda route: route.abort())
    await chat.send("Into the void")
    await expect(chat.question.get_by_test_id("message-unsent")).to_contain_text("Not sent.")
    await chat.page.unroute("**/StartGeneration")
    await chat.question.get_by_test_id("message-retry").click()
    await expect(text_of(chat.answer)).to_have_text("Into the void")
    await chat.ended()
    await expect(chat.questions).to_have_count(1)
    await expect(chat.question.get_by_test_id("message-unsent")).to_have_count(0)


async def test_a_message_that_is_not_sent_yet_outlives_a_reload(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    browsing.expect(_AWAY)
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    await chat.page.route("**/StartGeneration", lambda route: route.abort())
    await chat.send("Do not forget me")
    await chat.page.reload()
    await expect(text_of(chat.question)).to_have_text("Do not forget me")
    await chat.page.unroute("**/StartGeneration")
    await expect(text_of(chat.answer)).to_have_text("Do not forget me")
    await chat.ended()
    await expect(chat.questions).to_have_count(1)


async def test_a_discarded_message_becomes_a_draft_again(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    browsing.expect(_AWAY)
    conversation = await begin(link, "echo")
    async with relay_to(server.port) as relay:
        chat = await browsing.chat(relay.url, conversation)
        await relay.cut()
        await chat.send("Not now")
        await chat.question.get_by_test_id("message-discard").click()
        await expect(chat.questions).to_have_count(0)
        await expect(chat.composer).to_have_value("Not now")
        await relay.mend()
        await expect(chat.banner).to_have_count(0)
        await chat.composer.press("Enter")
        await expect(text_of(chat.answer)).to_have_text("Not now")
        await chat.ended()


async def test_a_connection_that_died_silently_is_noticed(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    browsing.expect(_AWAY)
    conversation = await begin(link, "tokens=100,pace=20ms")
    async with relay_to(server.port) as relay:
        device = await browsing.device(relay.url)
        await browsing.watch_growth(device, words(100))
        chat = await browsing.tab(device, f"/c/{conversation}")
        await chat.send("The laptop sleeps")
        await chat.says(WORDS[10])
        relay.freeze()
        # Heartbeats come each second; after six of silence the page takes the connection for dead.
        await chat.ended()
        assert await chat.said() == words(100)
        await expect(chat.banner).to_have_count(0)
