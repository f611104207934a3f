"""Files that go with a message, the numbers in an answer, and the source that they open beside it."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import FilePayload, Locator, Route, expect

from fireside.cli.link import Link
from tests.accounts import AccountsServer
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import ChatPage, text_of
from tests.e2e.scripts import begin
from tests.e2e.shelf import SAMPLES
from tests.e2e.team import begin_as, tab_of
from tests.e2e.test_sharing import make_link, share
from tests.pdf_file import Page, pdf
from tests.server_process import ServerProcess

# With sources, the echo is what the model was asked: each source under its number, and then the question.
ECHO = "echo"
QUESTION = "How many buckets are there among the tools?"


async def attach(chat: ChatPage, *samples: str) -> None:
    """Attaches files by the button. They have arrived and been read afterwards."""
    ready = chat.page.locator("[data-testid=attachment][data-phase=ready]")
    before = await ready.count()
    await chat.page.get_by_test_id("attach-files").set_input_files([SAMPLES / sample for sample in samples])
    await expect(ready).to_have_count(before + len(samples))


async def asked(server: ServerProcess, link: Link, browsing: Browsing, *samples: str) -> ChatPage:
    """A conversation in which a question about files was answered."""
    chat = await browsing.chat(server.url, await begin(link, ECHO))
    await attach(chat, *samples)
    await chat.send(QUESTION)
    await chat.ended()
    return chat


def number(chat: ChatPage, wanted: int) -> Locator:
    """The last place where an answer refers to a source: below its instructions."""
    return chat.answer.locator(f"[data-cite='{wanted}']").last


async def test_a_citation_opens_the_pdf_at_its_page_with_the_passage_marked(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await asked(server, link, browsing, "guide.pdf")
    page = chat.page
    await expect(chat.question.get_by_test_id("message-file")).to_contain_text("guide.pdf")
    chip = number(chat, 2)
    await expect(chip).to_have_attribute("aria-label", "Source 2: guide.pdf, page 2")
    await chip.hover()
    await expect(page.get_by_test_id("citation-passage")).to_contain_text("Two buckets.")
    await chip.click()
    panel, viewer = page.get_by_test_id("source-panel"), page.get_by_test_id("pdf")
    await expect(page.get_by_test_id("source-title")).to_be_focused()
    await expect(viewer).to_have_attribute("data-found", "true")
    await expect(viewer).to_have_attribute("data-page", "2")
    second = page.locator("[data-testid=pdf-page][data-page='2']")
    await expect(second).to_have_attribute("data-drawn", "")
    marks = second.get_by_test_id("pdf-mark")
    await expect(marks.nth(2)).to_be_attached()
    await expect(marks.first).to_be_in_viewport()
    await expect(page.get_by_test_id("citation-passage")).to_have_count(0)
    await expect(page.get_by_test_id("source-download")).to_have_attribute("download", "guide.pdf")
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
    await expect(chip).to_be_focused()


async def test_the_pages_of_a_pdf_are_gone_through_and_enlarged(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await asked(server, link, browsing, "guide.pdf")
    page = chat.page
    await number(chat, 1).click()
    viewer, shown = page.get_by_test_id("pdf"), page.get_by_test_id("pdf-pages")
    await expect(viewer).to_have_attribute("data-page", "1")
    await page.get_by_test_id("pdf-next").click()
    await expect(viewer).to_have_attribute("data-page", "2")
    await page.get_by_test_id("pdf-goto").fill("4")
    await page.get_by_test_id("pdf-goto").press("Enter")
    await expect(page.locator("[data-testid=pdf-page][data-page='4']")).to_be_in_viewport()
    await shown.focus()
    before = await page.get_by_test_id("pdf-page").first.evaluate("it => it.offsetWidth")
    await page.keyboard.press("+")
    await expect(page.get_by_test_id("pdf-fit")).to_have_text("125 %")
    assert await page.get_by_test_id("pdf-page").first.evaluate("it => it.offsetWidth") > before * 1.2
    await page.keyboard.press("0")
    await expect(page.get_by_test_id("pdf-fit")).to_have_text("100 %")
    # The mark stays on its words at any scale.
    await number(chat, 2).click()
    mark = page.locator("[data-page='2'] [data-testid=pdf-mark]").first
    await expect(mark).to_be_in_viewport()
    edge = page.get_by_test_id("source-edge")
    await edge.focus()
    was = await page.get_by_test_id("source-panel").evaluate("it => it.offsetWidth")
    await page.keyboard.press("ArrowLeft")
    await expect(edge).to_have_attribute("aria-valuenow", "47")
    assert await page.get_by_test_id("source-panel").evaluate("it => it.offsetWidth") > was
    await expect(mark).to_be_in_viewport()


async def test_chinese_text_of_a_pdf_is_marked(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    chat = await asked(server, link, browsing, "guide.pdf")
    await number(chat, 3).click()
    await expect(chat.page.get_by_test_id("pdf")).to_have_attribute("data-page", "3")
    await expect(chat.page.locator("[data-page='3'] [data-testid=pdf-mark]").nth(1)).to_be_attached()


async def test_a_passage_that_is_not_on_the_page_stands_above_it(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await asked(server, link, browsing, "guide.pdf")
    other = pdf([Page().text(72, 700, "Another text altogether"), Page().text(72, 700, "And more of that")])

    async def answer(route: Route) -> None:
        await route.fulfill(body=other, content_type="application/pdf")

    await chat.page.route("**/files/*", answer)
    await number(chat, 2).click()
    await expect(chat.page.get_by_test_id("pdf")).to_have_attribute("data-found", "false")
    await expect(chat.page.get_by_test_id("source-quote")).to_contain_text("Two buckets.")


async def test_a_file_that_is_gone_says_so_and_a_damaged_one_shows_its_text(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    browsing.expect("404")
    chat = await asked(server, link, browsing, "guide.pdf")

    async def gone(route: Route) -> None:
        await route.fulfill(status=404)

    async def damaged(route: Route) -> None:
        await route.fulfill(body=b"%PDF-1.7 and nothing else", content_type="application/pdf")

    await chat.page.route("**/files/*", gone)
    await number(chat, 2).click()
    await expect(chat.page.get_by_test_id("source-note")).to_contain_text("not there any more")
    await expect(chat.page.get_by_test_id("source-quote")).to_contain_text("Two buckets.")
    await chat.page.get_by_test_id("source-close").click()
    await chat.page.unroute_all()
    await chat.page.route("**/files/*", damaged)
    await number(chat, 2).click()
    await chat.page.get_by_test_id("source-as-text").click()
    await expect(chat.page.get_by_test_id("source-mark")).to_contain_text("Two buckets.")


async def test_the_text_of_other_files_is_shown_around_the_passage(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await asked(server, link, browsing, "guide.docx", "picture.png")
    entries = chat.answer.get_by_test_id("source-entry")
    await entries.filter(has_text="guide.docx").first.click()
    await expect(chat.page.get_by_test_id("source-mark")).to_be_in_viewport()
    await chat.page.get_by_test_id("source-close").click()
    await chat.question.get_by_test_id("message-picture").click()
    await expect(chat.page.get_by_test_id("source-picture")).to_be_visible()
    await chat.question.get_by_test_id("message-file-open").click()
    await expect(chat.page.get_by_test_id("source-title")).to_have_text("guide.docx")
    await expect(chat.page.get_by_test_id("source-text")).to_contain_text("Two buckets.")


async def test_files_are_dropped_and_pasted_anywhere_in_the_chat(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, ECHO))
    transfer = await chat.page.evaluate_handle("""() => {
      const data = new DataTransfer();
      data.items.add(new File(['Dry wood burns best.'], 'dropped.txt', { type: 'text/plain' }));
      return data;
    }""")
    await chat.page.get_by_test_id("chat").dispatch_event("dragenter", {"dataTransfer": transfer})
    await expect(chat.page.get_by_test_id("drop-here")).to_be_visible()
    await chat.page.get_by_test_id("chat").dispatch_event("drop", {"dataTransfer": transfer})
    await expect(chat.page.get_by_test_id("drop-here")).to_have_count(0)
    ready = chat.page.locator("[data-testid=attachment][data-phase=ready]")
    await expect(ready).to_have_text(re.compile("dropped.txt"))
    await chat.page.evaluate("""() => {
      const data = new DataTransfer();
      data.items.add(new File(['Ashes are never hot.'], 'pasted.md', { type: 'text/markdown' }));
      document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    }""")
    await expect(ready).to_have_count(2)
    await chat.send("What burns best?")
    await chat.ended()
    await expect(text_of(chat.answer)).to_contain_text("Ashes are never hot.")


async def test_a_message_waits_for_its_files_and_goes_without_those_that_were_removed(
    server: ServerProcess, link: Link, browsing: Browsing
) -> None:
    chat = await browsing.chat(server.url, await begin(link, ECHO))
    gate = asyncio.Event()

    async def hold(route: Route) -> None:
        await gate.wait()
        await route.continue_()

    await chat.page.context.route("**/fireside.v1.UploadService/AppendUpload", hold)
    notes = FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"Split logs in autumn." * 40)
    await chat.page.get_by_test_id("attach-files").set_input_files(notes)
    await chat.composer.fill("When?")
    await expect(chat.page.locator("[data-testid=attachment][data-phase=uploading]")).to_have_count(1)
    await expect(chat.page.get_by_test_id("attachments-hint")).to_contain_text("as soon as the file is there")
    await expect(chat.send_button).to_be_disabled()
    await chat.composer.press("Enter")
    await expect(chat.questions).to_have_count(0)
    gate.set()
    await expect(chat.page.locator("[data-testid=attachment][data-phase=ready]")).to_have_count(1)
    await attach(chat, "guide.csv")
    await chat.page.get_by_test_id("attachment-remove").first.click()
    await expect(chat.composer).to_be_focused()
    await chat.composer.press("Enter")
    await expect(chat.question.get_by_test_id("message-file")).to_have_count(1)
    await expect(chat.question.get_by_test_id("message-file")).to_contain_text("guide.csv")
    await chat.ended()


async def test_attachments_survive_a_reload_and_an_edit(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    chat = await browsing.chat(server.url, await begin(link, ECHO))
    await attach(chat, "guide.pdf")
    await chat.page.reload()
    await expect(chat.page.locator("[data-testid=attachment][data-phase=ready]")).to_contain_text("guide.pdf")
    await chat.send(QUESTION)
    await chat.ended()
    await chat.question.hover()
    await chat.question.get_by_test_id("edit-message").click()
    await chat.page.get_by_test_id("edit-input").fill("And where do the logs lie?")
    await chat.page.get_by_test_id("edit-save").click()
    await expect(text_of(chat.question)).to_have_text("And where do the logs lie?")
    await chat.ended()
    await expect(chat.question.get_by_test_id("message-file")).to_contain_text("guide.pdf")
    await expect(number(chat, 1)).to_be_visible()


async def test_a_copied_answer_lists_its_sources(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    device = await browsing.device(server.url, permissions=["clipboard-read", "clipboard-write"])
    chat = await browsing.tab(device, f"/c/{await begin(link, ECHO)}")
    await attach(chat, "guide.pdf")
    await chat.send(QUESTION)
    await chat.ended()
    await chat.answer.hover()
    await chat.answer.get_by_test_id("copy-message").click()
    await expect(chat.answer.get_by_label("Copied")).to_be_visible()
    copied = await chat.page.evaluate("navigator.clipboard.readText()")
    assert "[2] (guide.pdf, p. 2, Tools)" in copied
    assert copied.endswith(
        "Sources:\n[1] guide.pdf · p. 1\n[2] guide.pdf · p. 2\n[3] guide.pdf · p. 3\n[4] guide.pdf · p. 4"
    )


async def test_whoever_may_read_a_conversation_opens_its_sources_and_a_link_shows_the_passages(
    team: AccountsServer, browsing: Browsing
) -> None:
    ada, bob = await team.person("Ada"), await team.person("Bob")
    conversation = await begin_as(ada, ECHO, "Plans")
    hers = await tab_of(browsing, ada, f"/c/{conversation}")
    await attach(hers, "guide.pdf")
    await hers.send(QUESTION)
    await hers.ended()
    await share(hers, "bob@example.org", "viewer")
    his = await tab_of(browsing, bob, f"/c/{conversation}")
    await expect(his.question.get_by_test_id("message-file-open")).to_be_visible()
    await number(his, 2).click()
    await expect(his.page.get_by_test_id("pdf")).to_have_attribute("data-found", "true")
    address = await make_link(hers)
    await his.page.goto(address)
    await expect(his.page.get_by_test_id("link-page")).to_be_visible()
    await expect(his.question.get_by_test_id("message-file")).to_contain_text("guide.pdf")
    await expect(his.question.get_by_test_id("message-file-open")).to_have_count(0)
    await number(his, 2).click()
    await expect(his.page.get_by_test_id("citation-passage")).to_contain_text("Two buckets.")
    await number(his, 2).click()
    await expect(his.page.get_by_test_id("citation-passage")).to_have_count(0)
