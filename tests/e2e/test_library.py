"""The library in a real browser: collections are made, filled, searched, shared and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.accounts import GUEST, AccountsServer
from tests.e2e.browsing import Browsing
from tests.e2e.chat_page import ChatPage
from tests.e2e.library_page import FAST, LibraryPage, bytes_of, write
from tests.e2e.team import browser_of
from tests.e2e.test_accessibility import AXE, violations
from tests.e2e.test_phone import PHONE, fits
from tests.server_process import ServerProcess, server_process

OAK = "# Trees\n\nThe oak by the well was planted in 1887 and has never been felled.\n"
PINE = "# Trees\n\nPines hold the dunes together.\n"
CHINESE = "# 树木\n\n井边的橡树种于一八八七年，从未被砍伐。\n"  # noqa: RUF001 - Chinese has commas of its own


LANGUAGES = {
    "en-US": ("Library", OAK, "oak planted", "oak", "1887"),
    "zh-CN": ("资料库", CHINESE, "橡树", "橡树", "一八八七"),
}


@pytest.fixture(scope="module")
def library_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that the tests here share. Collections stay apart by their names."""
    with server_process(tmp_path_factory.mktemp("library"), *FAST) as running:
        yield running


async def library_of(browsing: Browsing, url: str, **options: object) -> LibraryPage:
    """A tab with the library, on a device of its own."""
    page = await (await browsing.device(url, **options)).new_page()
    return await LibraryPage(page).open()


@pytest.mark.parametrize("locale", LANGUAGES)
async def test_from_nothing_to_an_answer_of_the_search(
    library_server: ServerProcess, browsing: Browsing, tmp_path: Path, locale: str
) -> None:
    heading, text, query, marked, year = LANGUAGES[locale]
    shown = await library_of(browsing, library_server.url, locale=locale)
    await expect(shown.page.locator("h1")).to_have_text(heading)
    await shown.create(f"Trees {locale}", "What grows here")
    await shown.add(write(tmp_path, "oak.md", text), write(tmp_path, "pine.md", PINE))
    for name in ("oak.md", "pine.md"):
        await shown.reaches(name, "ready")
    await shown.search.fill(query)
    await expect(shown.hits.first).to_contain_text("oak.md")
    joined = "".join(await shown.hits.first.locator("mark").all_text_contents())
    assert marked in joined
    await shown.hits.first.get_by_test_id("hit-open").click()
    await expect(shown.page.get_by_test_id("source-panel")).to_contain_text(year)
    await shown.search.fill("")
    await shown.choose("pine.md", "delete")
    await shown.page.get_by_test_id("confirm-action").click()
    await expect(shown.document("pine.md")).to_have_count(0)
    await expect(shown.document("oak.md")).to_have_count(1)
    await shown.page.get_by_test_id("collection-menu").click()
    await shown.page.get_by_test_id("menu-delete").click()
    await shown.page.get_by_test_id("confirm-action").click()
    await expect(shown.page.locator("h1")).to_have_text(heading)
    await expect(shown.collection(f"Trees {locale}")).to_have_count(0)


async def test_files_and_folders_are_dropped_anywhere(
    library_server: ServerProcess, browsing: Browsing, tmp_path: Path
) -> None:
    shown = await library_of(browsing, library_server.url)
    await shown.create("Dropped")
    write(tmp_path, "papers/2026/one.md", OAK)
    write(tmp_path, "papers/two.md", PINE)
    write(tmp_path, "papers/.hidden.md", PINE)
    await shown.drop([write(tmp_path, "alone.md", "# Alone\n\nNo folder.\n"), tmp_path / "papers"])
    for name in ("one.md", "two.md", "alone.md"):
        await shown.reaches(name, "ready")
    await expect(shown.document(".hidden.md")).to_have_count(0)
    await expect(shown.page.get_by_test_id("folder")).to_have_text(["papers", "papers/2026"])
    await shown.page.get_by_test_id("library-back").click()
    await expect(shown.collection("Dropped")).to_contain_text("3 documents")
    await shown.drop([write(tmp_path, "more.md", "# More\n\nBy its row.\n")], over="collection")
    await expect(shown.collection("Dropped")).to_contain_text("4 documents")


async def test_a_folder_is_chosen(library_server: ServerProcess, browsing: Browsing, tmp_path: Path) -> None:
    shown = await library_of(browsing, library_server.url)
    await shown.create("Chosen")
    write(tmp_path, "notes/deep/one.md", OAK)
    write(tmp_path, "notes/two.md", PINE)
    await shown.add_folder(tmp_path / "notes")
    await shown.reaches("one.md", "ready")
    await shown.reaches("two.md", "ready")
    await expect(shown.page.get_by_test_id("folder")).to_have_text(["notes", "notes/deep"])


async def test_a_document_gets_versions_and_says_why_it_is_not_readable(
    library_server: ServerProcess, browsing: Browsing, tmp_path: Path
) -> None:
    shown = await library_of(browsing, library_server.url)
    await shown.create("Versions")
    await shown.add(write(tmp_path, "plan.md", OAK), write(tmp_path, "broken.pdf", "%PDF-1.7 and nothing else"))
    await shown.reaches("plan.md", "ready")
    await shown.reaches("broken.pdf", "failed")
    await expect(shown.document("broken.pdf").get_by_test_id("document-why")).to_contain_text("damaged")
    await expect(shown.page.get_by_test_id("collection-about")).to_contain_text("1 not readable")
    await shown.document("broken.pdf").get_by_test_id("document-retry").click()
    await shown.reaches("broken.pdf", "failed")
    await shown.add(write(tmp_path, "plan.md", OAK + "\nAnother year has gone by.\n"))
    await expect(shown.document("plan.md")).to_contain_text("2 versions")
    await shown.reaches("plan.md", "ready")
    await shown.choose("plan.md", "versions")
    await expect(shown.page.get_by_test_id("version")).to_have_count(2)
    await expect(shown.page.get_by_test_id("version").first).to_contain_text("Version 2")
    async with shown.page.expect_download() as download:
        await shown.page.get_by_test_id("version-get").last.click()
    assert (await bytes_of(await download.value)).decode() == OAK
    await shown.page.keyboard.press("Escape")
    async with shown.page.expect_download() as download:
        await shown.choose("plan.md", "download")
    assert "Another year" in (await bytes_of(await download.value)).decode()


async def test_names_are_checked_and_changed(library_server: ServerProcess, browsing: Browsing) -> None:
    browsing.expect("409")
    shown = await library_of(browsing, library_server.url)
    await shown.create("Taken")
    await shown.page.get_by_test_id("library-back").click()
    await shown.page.get_by_test_id("collection-new").click()
    await shown.page.get_by_test_id("collection-save").click()
    await expect(shown.page.get_by_test_id("collection-name")).to_be_focused()
    await expect(shown.page.get_by_test_id("collection-name-error")).to_be_visible()
    await shown.page.get_by_test_id("collection-name").fill("Taken")
    await shown.page.get_by_test_id("collection-save").click()
    await expect(shown.page.get_by_test_id("collection-name-error")).to_contain_text("already")
    await shown.page.keyboard.press("Escape")
    await shown.collection("Taken").get_by_test_id("collection-menu").click()
    await shown.page.get_by_test_id("menu-edit").click()
    await shown.page.get_by_test_id("collection-name").fill("Renamed")
    await shown.page.get_by_test_id("collection-save").click()
    await expect(shown.collection("Renamed")).to_be_visible()


async def test_a_list_of_hundreds_is_filtered_and_read_on(
    library_server: ServerProcess, browsing: Browsing, tmp_path: Path
) -> None:
    shown = await library_of(browsing, library_server.url)
    await shown.create("Many")
    await shown.add(
        *(write(tmp_path, f"note-{at:03}.md", f"# Note {at}\n\nNumber {at} of many.\n") for at in range(130))
    )
    await expect(shown.page.get_by_test_id("upload-summary")).to_have_text("130 files uploaded")
    await expect(shown.page.get_by_test_id("collection-about")).to_contain_text("130 documents")
    await shown.page.reload()
    await expect(shown.document("note-000.md")).to_be_visible()
    await expect(shown.document("note-129.md")).to_have_count(0)
    # It goes as soon as it is seen, so nothing waits for it to stand still.
    await shown.page.get_by_test_id("documents-more").evaluate("button => button.scrollIntoView()")
    await expect(shown.document("note-129.md")).to_have_count(1)
    await shown.page.get_by_test_id("documents-filter").fill("note-12")
    await expect(shown.page.get_by_test_id("document")).to_have_count(10)
    await shown.page.get_by_test_id("documents-filter").fill("nothing like it")
    await expect(shown.page.get_by_test_id("documents-none")).to_be_visible()


async def test_a_collection_is_shared_and_taken_back(team: AccountsServer, browsing: Browsing, tmp_path: Path) -> None:
    browsing.expect("404")
    ada, bob = await team.person("Ada"), await team.person("Bob")
    hers = await LibraryPage(await (await browser_of(browsing, ada)).new_page()).open()
    his = await LibraryPage(await (await browser_of(browsing, bob)).new_page()).open()
    await hers.page.bring_to_front()
    await hers.create("Plans")
    await hers.add(write(tmp_path, "oak.md", OAK))
    await expect(hers.document("oak.md")).to_be_visible()
    await hers.page.get_by_test_id("collection-share").click()
    await hers.page.get_by_test_id("share-email").fill("bob@example.org")
    await hers.page.get_by_test_id("share-role").select_option("viewer")
    await hers.page.get_by_test_id("share-give").click()
    await expect(hers.page.locator("[data-testid=share-entry][data-email='bob@example.org']")).to_be_visible()
    await his.page.bring_to_front()
    await expect(his.collection("Plans")).to_contain_text("Shared by Ada")
    await his.collection("Plans").locator("a").click()
    await expect(his.document("oak.md")).to_be_visible()
    for name in ("add-files", "collection-share", "collection-menu"):
        await expect(his.page.get_by_test_id(name)).to_have_count(0)
    await hers.page.bring_to_front()
    await hers.page.get_by_test_id("share-entry-role").select_option("editor")
    await expect(his.page.get_by_test_id("add-files")).to_be_visible()
    await hers.page.get_by_test_id("share-end").click()
    await expect(his.page.get_by_test_id("collection-missing")).to_be_visible()
    await his.page.bring_to_front()
    await his.open()
    await expect(his.page.get_by_test_id("library-empty")).to_be_visible()


async def test_a_guest_reads_and_changes_nothing(team: AccountsServer, browsing: Browsing) -> None:
    guest = await team.person("Gus", GUEST)
    shown = await LibraryPage(await (await browser_of(browsing, guest)).new_page()).open()
    await expect(shown.page.get_by_test_id("library-empty")).to_contain_text("Nobody has shared")
    await expect(shown.page.get_by_test_id("collection-new")).to_have_count(0)


@pytest.mark.parametrize("look", ["desktop", "phone"])
async def test_each_screen_is_for_everybody(
    library_server: ServerProcess, browsing: Browsing, tmp_path: Path, look: str
) -> None:
    device = await browsing.device(library_server.url, **PHONE if look == "phone" else {})
    await device.add_init_script(path=AXE)
    chat = await browsing.tab(device)
    if look == "phone":
        await chat.page.get_by_test_id("open-rail").tap()
        await chat.page.get_by_test_id("rail-sheet").get_by_test_id("open-library").tap()
        await expect(chat.page.get_by_test_id("rail-sheet")).to_have_count(0)
    else:
        await chat.page.get_by_test_id("open-library").click()
    shown = LibraryPage(chat.page)

    async def is_fine() -> None:
        assert await violations(chat) == []
        assert look == "desktop" or (await fits(chat) and await small(chat) == [])

    await expect(chat.page.get_by_test_id("collection-new").first).to_be_visible()
    await is_fine()
    await shown.create(f"Fine on a {look}", "A longer word about what is in it, which a phone has to break into lines")
    await is_fine()
    await shown.add(write(tmp_path, "oak.md", OAK), write(tmp_path, "broken.pdf", "%PDF-1.7 and nothing else"))
    await shown.reaches("oak.md", "ready")
    await shown.reaches("broken.pdf", "failed")
    await shown.unfold()
    await is_fine()
    await shown.search.fill("oak")
    await expect(shown.hits.first).to_be_visible()
    await is_fine()
    await shown.search.fill("")
    await shown.page.get_by_test_id("upload-clear").click()
    await shown.document("oak.md").get_by_test_id("document-menu").click()
    await expect(shown.page.get_by_test_id("menu-delete")).to_be_visible()
    await is_fine()


async def small(chat: ChatPage) -> list[str]:
    """What can be touched and is too small for a finger."""
    return await chat.page.evaluate("""
        [...document.querySelectorAll('[data-testid=library] :is(button, a[href], input, select), [data-testid=upload-tray] button')]
          .filter(it => {
            const { width, height } = it.getBoundingClientRect();
            const after = getComputedStyle(it, '::after').position === 'absolute';
            return it.checkVisibility() && it.type !== 'file' && !after && (width < 40 || height < 40) && !it.closest('.field, .find');
          }).map(it => `${it.outerHTML.slice(0, 160)} is ${it.offsetWidth} x ${it.offsetHeight}`)
    """)


async def test_keys_lead_through_it(library_server: ServerProcess, browsing: Browsing) -> None:
    chat = await browsing.tab(await browsing.device(library_server.url))
    await chat.page.keyboard.press("Control+k")
    await chat.page.get_by_test_id("palette-input").fill("library")
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.locator("h1")).to_have_text("Library")
    await expect(chat.page.locator("h1")).to_be_focused()
    await chat.page.keyboard.press("Tab")
    await expect(chat.page.get_by_test_id("collection-new").first).to_be_focused()
    await chat.page.keyboard.press("Enter")
    # A form begins in its first field.
    await expect(chat.page.get_by_test_id("collection-name")).to_be_focused()
    await chat.page.keyboard.type("By keys")
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.get_by_test_id("collection-title")).to_have_text("By keys")
