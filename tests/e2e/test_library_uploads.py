"""Uploads to the library that nothing stops: a killed server, a cut line, a page loaded anew, a person who pauses."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

from playwright.async_api import Page, Route, expect

from fireside.gen.v1.policy_pb2 import Limits, RoleLimits
from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest, UpdatePolicyRequest
from tests.accounts import ADMIN, MEMBER, AccountsServer
from tests.e2e.browsing import Browsing
from tests.e2e.library_page import FAST, LibraryPage, bytes_of, write
from tests.e2e.relay import relay_to
from tests.e2e.team import browser_of
from tests.server_process import server_process

# What a browser says of a server that is not there, or of a piece that was cut.
_AWAY = r"net::ERR_|Failed to fetch|network error"
_SLOW = 4_000_000
_SIZE = 12_000_000


def random_file(folder: Path, name: str, size: int = _SIZE) -> Path:
    """A file that no other is like."""
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path


async def opened(browsing: Browsing, url: str) -> LibraryPage:
    """A tab with a new collection."""
    page = await (await browsing.device(url)).new_page()
    # What the browser asks before it leaves a page with uploads.
    page.on("dialog", lambda dialog: dialog.accept())
    shown = await LibraryPage(page).open()
    await shown.create("Films")
    return shown


async def halfway(shown: LibraryPage, name: str) -> None:
    """Waits until some of a file is there, and not all."""
    await expect(shown.upload(name)).to_have_attribute("data-phase", "sending")
    await expect(shown.upload(name).get_by_test_id("progress")).to_have_attribute("aria-valuenow", re.compile("[1-9]"))


async def kept(page: Page, shown: LibraryPage, path: Path) -> bool:
    """Whether the server has the file as it is here."""
    await expect(shown.document(path.name)).to_be_visible()
    async with page.expect_download() as download:
        await shown.choose(path.name, "download")
    there = await bytes_of(await download.value)
    return there == await asyncio.to_thread(path.read_bytes)


async def test_a_server_that_is_killed_in_the_middle_loses_nothing(tmp_path: Path, browsing: Browsing) -> None:
    browsing.expect(_AWAY, "50[0-9]")
    film = random_file(tmp_path, "film.bin")
    with server_process(tmp_path, *FAST) as server:
        shown = await opened(browsing, server.url)
        await shown.slow_down(_SLOW)
        await shown.add(film)
        await halfway(shown, film.name)
        server.end(signal.SIGKILL)
    await expect(shown.upload(film.name)).to_have_attribute("data-phase", "waiting")
    await shown.slow_down(0)
    with server_process(tmp_path, *FAST, "--port", str(server.port)):
        await expect(shown.page.get_by_test_id("upload-summary")).to_have_text("1 file uploaded")
        assert await kept(shown.page, shown, film)
        await browsing.close()


async def test_a_line_that_is_cut_is_gone_on_with_by_itself(tmp_path: Path, browsing: Browsing) -> None:
    browsing.expect(_AWAY)
    films = [random_file(tmp_path, f"{at}.bin", _SIZE // 3) for at in range(3)]
    with server_process(tmp_path, *FAST) as server:
        async with relay_to(server.port) as relay:
            shown = await opened(browsing, relay.url)
            await shown.slow_down(_SLOW)
            await shown.add(*films)
            await halfway(shown, "0.bin")
            await relay.cut()
            await expect(shown.upload("0.bin")).to_have_attribute("data-phase", "waiting")
            await relay.mend()
            await shown.slow_down(0)
            await expect(shown.page.get_by_test_id("upload-summary")).to_have_text("3 files uploaded")
            for film in films:
                assert await kept(shown.page, shown, film)
            await browsing.close()


async def test_a_page_that_is_loaded_anew_goes_on_by_the_same_file(tmp_path: Path, browsing: Browsing) -> None:
    browsing.expect(_AWAY)
    film = random_file(tmp_path, "film.bin")
    with server_process(tmp_path, *FAST) as server:
        shown = await opened(browsing, server.url)
        await shown.slow_down(_SLOW)
        await shown.add(film)
        await halfway(shown, film.name)
        await shown.page.reload()
        unfinished = shown.page.locator("[data-testid=unfinished][data-name='film.bin']")
        await expect(unfinished).to_contain_text("Choose the same file to go on.")
        other = random_file(tmp_path, "other.bin")
        field = unfinished.get_by_test_id("unfinished-file")
        await field.set_input_files(str(other))
        await expect(unfinished.get_by_role("alert")).to_contain_text("another file")
        sent = 0

        def count(size: str | None) -> None:
            nonlocal sent
            sent += int(size or 0)

        shown.page.on(
            "request", lambda request: count(request.headers.get("content-length")) if "Append" in request.url else None
        )
        await field.set_input_files(str(film))
        await expect(unfinished).to_have_count(0)
        await expect(shown.page.get_by_test_id("upload-summary")).to_have_text("1 file uploaded")
        assert sent < _SIZE
        assert await kept(shown.page, shown, film)
        await browsing.close()


async def test_a_person_pauses_goes_on_and_cancels(tmp_path: Path, browsing: Browsing) -> None:
    browsing.expect(_AWAY)
    first, second = random_file(tmp_path, "first.bin"), random_file(tmp_path, "second.bin")
    with server_process(tmp_path, *FAST) as server:
        shown = await opened(browsing, server.url)
        await shown.slow_down(_SLOW)
        await shown.add(first, second)
        await halfway(shown, "first.bin")
        await shown.page.get_by_test_id("upload-pause-all").click()
        await expect(shown.upload("first.bin")).to_have_attribute("data-phase", "paused")
        await expect(shown.page.get_by_test_id("upload-summary")).to_have_text("2 uploads paused")
        await shown.upload("second.bin").get_by_test_id("upload-remove").click()
        await expect(shown.upload("second.bin")).to_have_count(0)
        await shown.slow_down(0)
        await shown.upload("first.bin").get_by_test_id("upload-resume").click()
        await expect(shown.page.get_by_test_id("upload-summary")).to_have_text("1 file uploaded")
        assert await kept(shown.page, shown, first)
        await expect(shown.document("second.bin")).to_have_count(0)
        await shown.page.reload()
        await expect(shown.document("first.bin")).to_be_visible()
        await expect(shown.tray).to_have_count(0)
        await browsing.close()


async def sent_twice(shown: LibraryPage, folder: Path) -> bool:
    """Uploads two files with the same bytes, and says whether the second was sent."""
    film, copy = random_file(folder, "film.bin"), folder / "copy.bin"
    await asyncio.to_thread(copy.write_bytes, await asyncio.to_thread(film.read_bytes))
    await shown.add(film)
    await expect(shown.page.get_by_test_id("upload-summary")).to_have_text("1 file uploaded")
    sent: list[str] = []
    shown.page.on("request", lambda request: sent.append(request.url) if "AppendUpload" in request.url else None)
    await shown.add(copy)
    await expect(shown.page.get_by_test_id("upload-summary")).to_have_text("2 files uploaded")
    assert await kept(shown.page, shown, copy)
    return bool(sent)


async def test_a_file_that_is_here_already_is_not_sent_again(tmp_path: Path, browsing: Browsing) -> None:
    with server_process(tmp_path, *FAST) as server:
        shown = await opened(browsing, server.url)
        assert not await sent_twice(shown, tmp_path)
        await shown.page.get_by_test_id("upload-fold").click()
        await expect(shown.upload("copy.bin")).to_contain_text("It was here already")
        await browsing.close()


async def test_without_compiled_code_files_are_sent_unhashed(tmp_path: Path, browsing: Browsing) -> None:
    async def stricter(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, headers=answer.headers | {"content-security-policy": "script-src 'self'"})

    with server_process(tmp_path, *FAST) as server:
        shown = await opened(browsing, server.url)
        await shown.page.context.route("**/hash-worker-*", stricter)
        assert await sent_twice(shown, tmp_path)
        await browsing.close()


async def test_what_would_be_refused_is_told_before_it_is_sent(tmp_path: Path, browsing: Browsing) -> None:
    limits = ("--upload-max-bytes", "1000000", "--upload-refused-types", ".exe")
    with server_process(tmp_path, *FAST, *limits) as server:
        shown = await opened(browsing, server.url)
        asked: list[str] = []
        shown.page.on("request", lambda request: asked.append(request.url) if "Upload/" in request.url else None)
        await shown.add(random_file(tmp_path, "large.bin", 1_000_001), random_file(tmp_path, "run.exe", 100))
        await expect(shown.upload("large.bin")).to_contain_text("larger than 1 MB")
        await expect(shown.upload("run.exe")).to_contain_text(".exe")
        assert not [url for url in asked if "CreateUpload" in url or "AppendUpload" in url]
        await expect(shown.page.get_by_test_id("upload-said")).to_contain_text("was not uploaded")
        await browsing.close()


async def test_a_full_account_is_told_how_much_is_left(
    team: AccountsServer, browsing: Browsing, tmp_path: Path
) -> None:
    ada, bob = await team.person("Ada", ADMIN), await team.person("Bob")
    async with ada.caller() as client:
        policy = (await client.unary("GetPolicy", GetPolicyRequest())).policy
        del policy.limits[:]
        policy.limits.append(RoleLimits(role=MEMBER, limits=Limits(storage_bytes=2_000)))
        await client.unary("UpdatePolicy", UpdatePolicyRequest(policy=policy))
    shown = await LibraryPage(await (await browser_of(browsing, bob)).new_page()).open()
    await shown.create("Small")
    await shown.add(write(tmp_path, "fits.md", "# Fits\n\n" + "word " * 100), random_file(tmp_path, "not.bin", 3_000))
    await expect(shown.upload("not.bin")).to_contain_text("left")
    await expect(shown.document("fits.md")).to_be_visible()
