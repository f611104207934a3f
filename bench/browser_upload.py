"""How fast a real Chromium uploads over TLS, and what that costs in memory: `python -m bench.browser_upload`.

The server is a process of its own with `--tls auto`, so that the browser speaks HTTP/2 as it does to a real one; both are
on this machine and share its cores. The file's bytes are random and on disk. Prints a line for each run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from playwright.async_api import Page, async_playwright

from tests.browser import FLAGS, PROJECT
from tests.server_process import server_process

if TYPE_CHECKING:
    from playwright.async_api import Browser

_MB = 1_000_000
_PIECE = 8 * 1024 * 1024
_PATIENCE_MS = 600_000


@dataclass(frozen=True, slots=True)
class Run:
    """What one upload took."""

    files: int
    size: int
    seconds: float
    page_before: int
    page_peak: int
    server_before: int
    server_peak: int

    def __str__(self) -> str:
        rate = self.files * self.size / self.seconds / _MB
        page, server = self.page_peak - self.page_before, self.server_peak - self.server_before
        return (
            f"{self.files} x {self.size / _MB:.0f} MB: {self.seconds:.1f} s, {rate:.0f} MB/s;"
            f" page {self.page_before / _MB:.0f} MB +{page / _MB:.0f}, server {self.server_before / _MB:.0f} MB +{server / _MB:.0f}"
        )


def resident(pid: int) -> int:
    """Bytes of memory that a process has now that are not a file's; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def _ours(pid: int) -> bool:
    """Whether this process started it, or what started it."""
    while pid > 1:
        if pid == os.getpid():
            return True
        # The name in parentheses may hold anything; what follows it is the state and the parent.
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False


def _largest_renderer() -> int:
    """Bytes of the largest renderer of this process's browser, which is the page's."""
    largest = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (folder / "cmdline").read_bytes() and _ours(int(folder.name)):
                largest = max(largest, resident(int(folder.name)))
        except OSError:
            continue  # It has ended.
    return largest


class _Watch:
    """Looks at memory while something runs."""

    def __init__(self, server: int) -> None:
        self._server = server
        self.page_before, self.server_before = _largest_renderer(), resident(server)
        self.page_peak, self.server_peak = self.page_before, self.server_before
        self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            self.page_peak = max(self.page_peak, _largest_renderer())
            self.server_peak = max(self.server_peak, resident(self._server))
            await asyncio.sleep(0.1)

    async def end(self) -> None:
        """Looks no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def write_random(path: Path, size: int) -> None:
    """A file that nothing can make smaller, and that no other is like."""
    with path.open("wb") as file:
        for start in range(0, size, _PIECE):
            file.write(os.urandom(min(_PIECE, size - start)))


async def _upload(page: Page, paths: list[Path], server: int) -> Run:
    watch = _Watch(server)
    begun = perf_counter()
    await page.get_by_test_id("add-files-field").set_input_files([str(path) for path in paths])
    done = page.locator("[data-testid=upload][data-phase=done]")
    await (
        page.get_by_test_id("upload-summary")
        .filter(has_text=f"{len(paths)} file")
        .filter(has_text="uploaded")
        .wait_for(timeout=_PATIENCE_MS)
    )
    seconds = perf_counter() - begun
    await watch.end()
    if await page.get_by_test_id("upload-fold").get_attribute("aria-expanded") == "false":
        await page.get_by_test_id("upload-fold").click()
    assert await done.count() == len(paths)
    await page.get_by_test_id("upload-clear").click()
    size = paths[0].stat().st_size
    return Run(len(paths), size, seconds, watch.page_before, watch.page_peak, watch.server_before, watch.server_peak)


async def _measure(browser: Browser, options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=options.folder) as home, server_process(Path(home), "--tls", "auto") as server:
        context = await browser.new_context(base_url=server.url, ignore_https_errors=True, locale="en-US")
        page = await context.new_page()
        await page.goto("/library")
        await page.get_by_test_id("collection-new").click()
        await page.get_by_test_id("collection-name").fill("Bench")
        await page.get_by_test_id("collection-save").click()
        await page.get_by_test_id("documents-empty").wait_for()
        for number in range(options.runs):
            paths = [Path(home) / f"{number}-{at}.bin" for at in range(options.files)]
            for path in paths:
                await asyncio.to_thread(write_random, path, options.megabytes * _MB)
            print(await _upload(page, paths, server.process.pid), flush=True)
            for path in paths:
                path.unlink()
        await context.close()


async def main(browser_path: str, options: argparse.Namespace) -> None:
    """Measures in one browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        await _measure(browser, options)
        await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="size of each file")
    parser.add_argument("--files", type=int, default=1, help="how many at a time")
    parser.add_argument("--runs", type=int, default=3, help="how often")
    parser.add_argument("--folder", default=None, help="where the file and the server's data go, for a faster disk")
    finder = [sys.executable, str(PROJECT / "tools" / "browser.py")]
    found = subprocess.run(finder, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    asyncio.run(main(found, parser.parse_args()))
