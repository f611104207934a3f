"""How fast documents are read: text taken out, cut, indexed by words, embedded. The figures in docs/performance.md come from here.

`python -m bench.ingest MANUAL.pdf ...` joins the files to one of 2,000 pages, repeating them as often as it takes; without
files it makes pages of its own. The first rows are the parts alone, the last ones a server that is sent the file by
`fireside upload`: from the moment it has it until it can be searched by words, and, of the first pages alone, by meaning.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import tempfile
import time
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import Any

import pypdfium2
import uvloop

from fireside.cli.bench.processes import own_server
from fireside.cli.bench.report import machine, now
from fireside.cli.link import Link, open_link
from fireside.config import load_client
from fireside.gen.v1 import document_pb2
from fireside.gen.v1.collection_service_pb2 import CreateCollectionRequest
from fireside.gen.v1.knowledge_service_pb2 import ListDocumentsRequest
from fireside.knowledge.chunk import Chunk, Cutter
from fireside.knowledge.extract.base import Block, Limits
from fireside.knowledge.extract.sandbox import extract
from tests.pdf_file import Page, pdf
from tests.rig import new_uuid
from tests.upload_clients import Errand, by_command

WORDS = [
    "fire",
    "wood",
    "axe",
    "bucket",
    "water",
    "winter",
    "roof",
    "stone",
    "smoke",
    "light",
    "ember",
    "oak",
    "pine",
    "match",
    "kettle",
    "night",
    "story",
    "road",
    "river",
    "bread",
]


def own_pages(count: int, seed: int) -> bytes:
    """Pages of about 400 words, when there is no manual."""
    rng = random.Random(seed)
    lines = [[" ".join(rng.choices(WORDS, k=13)).capitalize() + "." for _ in range(32)] for _ in range(count)]
    return pdf([Page().text(72, 800, f"Chapter {number}", 16).lines(770, page) for number, page in enumerate(lines)])


def joined(files: list[Path], pages: int, to: Path) -> Path:
    """The pages of all files, again and again until there are enough."""
    if not files:
        to.write_bytes(own_pages(pages, 1))
        return to
    whole: Any = pypdfium2.PdfDocument.new()
    sources: list[Any] = [pypdfium2.PdfDocument(path) for path in files]
    while len(whole) < pages:
        for source in sources:
            if some := with_text(source)[: pages - len(whole)]:
                whole.import_pages(source, some)
    whole.save(to)
    return to


def with_text(source: Any) -> list[int]:
    """The pages that are not pictures: what OCR does with those is another matter."""
    return [number for number in range(len(source)) if source[number].get_textpage().count_chars() > 0]


def middle(path: Path, pages: int, to: Path) -> Path:
    """Some pages of the text, where no contents are."""
    source: Any = pypdfium2.PdfDocument(path)
    some: Any = pypdfium2.PdfDocument.new()
    start = min(40, len(source) - pages)
    some.import_pages(source, list(range(start, start + pages)))
    some.save(to)
    return to


async def parts(path: Path, pages: int) -> list[Chunk]:
    """Extraction in its child, then cutting."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    blocks: list[Block] = []
    async with aclosing(extract(path, "application/pdf", path.name, Limits())) as batches:
        async for batch in batches:
            blocks += batch.blocks
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    characters = sum(len(block.text) for block in blocks)
    more = f"{took:.2f} s, {processor:.2f} s of the child's CPU, {characters / 1e6:.2f} M characters"
    tell("extract", pages / took, "pages/s", more)
    began = time.process_time()
    cutter = Cutter()
    chunks = cutter.feed(blocks) + cutter.end()
    took = time.process_time() - began
    tell("cut", pages / took, "pages/s", f"{len(chunks):,} passages")
    return chunks


async def through_server(path: Path, folder: Path, pages: int, *, embed: bool) -> None:
    """A server of its own that gets the file."""
    with ExitStack() as stack:
        flags = [] if embed else ["--embedding-model", "off"]
        server = stack.enter_context(own_server(folder, "http://127.0.0.1:9/v1", flags))
        link = open_link(load_client({"url": server.url, "data_dir": str(folder)}), key="")
        try:
            collection = new_uuid()
            await link.collections.create_collection(CreateCollectionRequest(collection_id=collection, name="Bench"))
            await by_command(Errand(server.url, [path], collection), folder)
            began = time.perf_counter()
            document = await reached(link, collection, document_pb2.DOCUMENT_STATE_EMBEDDING)
            words = time.perf_counter() - began
            if not embed:
                tell(
                    "server: searchable by words",
                    pages / words,
                    "pages/s",
                    f"{words:.1f} s, {document.chunk_count:,} passages",
                )
                return
            document = await reached(link, collection, document_pb2.DOCUMENT_STATE_READY)
            vectors = time.perf_counter() - began - words
            tell("server: embedded", document.chunk_count / vectors, "passages/s", f"{document.chunk_count} passages")
        finally:
            await link.aclose()


async def reached(link: Link, collection: str, state: int) -> document_pb2.Document:
    """The one document when it is at least so far."""
    request = ListDocumentsRequest(collection_id=collection)
    while True:
        [document] = (await link.knowledge.list_documents(request)).documents
        if document.state == document_pb2.DOCUMENT_STATE_FAILED:
            raise SystemExit(document.failure.message)
        if document.state >= state:
            return document
        await asyncio.sleep(0.05)


def tell(what: str, rate: float, unit: str, more: str) -> None:
    print(
        f"| {what} | {rate:,.0f} {unit} | {more} |" if rate >= 20 else f"| {what} | {rate:.1f} {unit} | {more} |",
        flush=True,
    )


async def measure(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="fireside-bench-") as name:
        folder = Path(name)
        path = joined(options.files, options.pages, folder / "manual.pdf")
        await parts(path, options.pages)
        (folder / "words").mkdir()
        await through_server(path, folder / "words", options.pages, embed=False)
        if options.embed_pages:
            few = middle(path, options.embed_pages, folder / "few.pdf")
            (folder / "vectors").mkdir()
            await through_server(few, folder / "vectors", options.embed_pages, embed=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="PDF files to join")
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--embed-pages", type=int, default=20, help="pages of them to embed; 0 for none")
    options = parser.parse_args()
    print(f"{options.pages} pages of {len(options.files) or 'no'} files, {now()}, {machine()}.\n")
    print("| part | rate | |\n|---|---|---|", flush=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(options))


if __name__ == "__main__":
    main()
