"""Uploads over a line that resets connections and cuts them at random bytes: do all arrive, and how much is sent twice?

`python -m bench.bad_line` starts a server, puts the line of tests/bad_line.py before it, and brings the same files over
it by each kind of client. It fails when a file is not what was sent, or when more than 5 % of the bytes went twice. The
figures in docs/performance.md come from here.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop
from playwright.async_api import Error, Page, async_playwright

from fireside.cli.bench.processes import own_server
from fireside.cli.bench.report import machine, now
from fireside.cli.link import Link, open_link
from fireside.config import load_client
from fireside.gen.v1.collection_service_pb2 import CreateCollectionRequest
from fireside.gen.v1.file_service_pb2 import GetFileRequest
from fireside.gen.v1.knowledge_service_pb2 import ListDocumentsRequest
from tests.bad_line import Faults, Tally, bad_line
from tests.browser import FLAGS, PROJECT
from tests.rig import new_uuid
from tests.upload_clients import Errand, by_command, by_pieces, by_tus

AIM = 0.05


@dataclass(frozen=True, slots=True)
class Result:
    """How one kind of client did."""

    client: str
    intact: int
    files: int
    size: int
    seconds: float
    tally: Tally

    @property
    def twice(self) -> float:
        """The share of bytes that went over the line for nothing, headers included."""
        return self.tally.carried / self.size - 1

    @property
    def fine(self) -> bool:
        """Whether the aims are met."""
        return self.intact == self.files and self.twice < AIM


def made(folder: Path, count: int, size: int, seed: int) -> list[Path]:
    """The files."""
    paths: list[Path] = []
    for number in range(count):
        path = folder / f"file-{number:03}.bin"
        path.write_bytes(random.Random(f"{seed}-{number}").randbytes(size))
        paths.append(path)
    return paths


async def hashes(link: Link, ids: list[str]) -> list[bytes]:
    """What the server says the files are."""
    return [(await link.files.get_file(GetFileRequest(file_id=item))).file.sha256 for item in ids]


async def ids_in(link: Link, collection: str) -> list[str]:
    """The files of a collection."""
    listed = await link.knowledge.list_documents(ListDocumentsRequest(collection_id=collection, page_size=500))
    return [document.file_id for document in listed.documents]


async def by_browser(errand: Errand, path: str) -> None:
    """Uploads in the web app, as a person does who chooses all files at once."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = await browser.new_page(locale="en-US")
        await opened(page, f"{errand.url}/library/{errand.collection}")
        await page.get_by_test_id("add-files-field").set_input_files([str(path) for path in errand.files])
        done = page.get_by_test_id("upload-summary").filter(has_text=f"{len(errand.files)} files uploaded")
        await done.wait_for(timeout=3_600_000)
        await browser.close()


def browser_path() -> str:
    """The browser's program."""
    command = [sys.executable, str(PROJECT / "tools" / "browser.py")]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


async def opened(page: Page, url: str) -> None:
    """Loads a page as often as it takes until all of it came."""
    while True:
        try:
            await page.goto(url)
            await page.get_by_test_id("add-files-field").wait_for(state="attached", timeout=10_000)
        except Error:
            continue
        return


async def measure(options: argparse.Namespace, stack: ExitStack) -> list[Result]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fireside-bench-")))
    server = stack.enter_context(own_server(folder, "http://127.0.0.1:9/v1", ["--job-workers", "0"]))
    link = open_link(load_client({"url": server.url, "data_dir": str(folder)}), key="")
    size = int(options.megabytes * 1e6)
    faults = Faults(options.seed, options.reset, options.reset, int(options.cut_every * 1e6), int(options.rate * 1e6))
    results: list[Result] = []
    ways: dict[str, Callable[[Errand], Awaitable[list[str] | None]]] = {
        "fireside upload (ByteStream)": lambda errand: by_command(errand, folder),
        "tuspy (tus)": by_tus,
        "UploadService in pieces": by_pieces,
        "the web app in Chromium": lambda errand: by_browser(errand, options.browser),
    }
    for number, (client, bring) in enumerate(ways.items()):
        if options.client and options.client not in client:
            continue
        # Other files each time: what is there already would not be sent.
        files = made(folder, options.uploads, size, options.seed + number)
        wanted = sorted(hashlib.sha256(path.read_bytes()).digest() for path in files)
        collection = new_uuid()
        request = CreateCollectionRequest(collection_id=collection, name=client)
        await link.collections.create_collection(request)
        async with bad_line(int(server.url.rpartition(":")[2]), faults) as line:
            errand = Errand(line.url, files, collection)
            begin = time.monotonic()
            # Those that put files into a collection tell no ids.
            ids = await bring(errand) or await ids_in(link, collection)
            seconds = time.monotonic() - begin
            found = sorted(await hashes(link, ids))
            intact = sum(1 for one, other in zip(found, wanted, strict=False) if one == other)
            results.append(Result(client, intact, len(files), size * len(files), seconds, line.tally))
        tell(results[-1])
    await link.aclose()
    return results


def tell(result: Result) -> None:
    tally = result.tally
    print(
        f"| {result.client} | {result.intact} of {result.files} | {tally.connections} | {tally.reset} | {tally.cut} | "
        f"{tally.deaf} | {tally.carried / 1e6:,.1f} | {result.twice * 100:.2f} % | {result.seconds:.0f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=100)
    parser.add_argument("--client", default="", help="only those whose names have this")
    parser.add_argument("--megabytes", type=float, default=20.0, help="size of each")
    parser.add_argument(
        "--reset", type=float, default=0.05, help="of the connections, so many are reset, and so many lose an answer"
    )
    parser.add_argument("--cut-every", type=float, default=20.0, help="megabytes that a connection carries on average")
    parser.add_argument("--rate", type=float, default=10.0, help="megabytes a second of a connection; 0 for any")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.browser = browser_path()
    print(f"{options.uploads} uploads of {options.megabytes:g} MB, seed {options.seed}, {now()}, {machine()}.\n")
    print("| client | intact | connections | reset | cut | answer lost | MB carried | sent twice | s |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    with ExitStack() as stack, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(measure(options, stack))
    if not all(result.fine for result in results):
        sys.exit("The aims are not met.")


if __name__ == "__main__":
    main()
