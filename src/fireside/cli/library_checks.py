"""What `fireside doctor` looks at of files and knowledge. None of it is essential: a person can chat without."""

from __future__ import annotations

import asyncio
import importlib.util
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fireside.app import s3_options
from fireside.blobs.s3 import open_s3
from fireside.cli.finding import Finding, Level, existing
from fireside.core.errors import FiresideError
from fireside.core.ids import new_id
from fireside.knowledge.embedding import OFF
from fireside.runners.e5.runner import MODEL_ID, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fireside.config import Config

_FORMATS = {
    "lxml": "HTML, Word, PowerPoint and EPUB", "openpyxl": "Excel", "pypdfium2": "PDF",
}  # fmt: skip
_SEARCH = ("numpy", "usearch")


def library_findings(config: Config) -> Iterator[Finding]:
    """Looks at where files are kept, and at what reads and searches them."""
    yield asyncio.run(_blobs(config))
    yield _formats()
    yield _pictures()
    yield _vectors(config)


async def _blobs(config: Config) -> Finding:
    parts = urlsplit(config.blob_store)
    if parts.scheme != "s3":
        return _folder(Path(config.blob_store))
    try:
        async with AsyncExitStack() as stack:
            blobs = await open_s3(s3_options(config), Path(tempfile.gettempdir()), stack)
            await blobs.stat(new_id())
    except FiresideError as error:
        return Finding("files", Level.NOTE, error.message, "Check blob_store and the settings that begin with s3_.")
    return Finding("files", Level.OK, f"{config.blob_store}, reachable")


def _folder(folder: Path) -> Finding:
    try:
        with tempfile.NamedTemporaryFile(dir=existing(folder)):
            pass
    except OSError as error:
        fix = "Make it writable for this user, or choose another with blob_store."
        return Finding("files", Level.NOTE, f"{folder} cannot be written: {error.strerror}", fix)
    made = "" if folder.exists() else " (made when first needed)"
    return Finding("files", Level.OK, f"{folder}{made}")


def _formats() -> Finding:
    missing = [name for module, name in _FORMATS.items() if importlib.util.find_spec(module) is None]
    missing += [module for module in _SEARCH if importlib.util.find_spec(module) is None]
    if missing:
        fix = "Run `make run` again, or: pip install 'fireside[knowledge]'."
        return Finding("documents", Level.NOTE, f"cannot be read or searched: {', '.join(missing)} missing", fix)
    return Finding("documents", Level.OK, f"{', '.join(_FORMATS.values())}, Markdown, mail, text and code")


def _pictures() -> Finding:
    if importlib.util.find_spec("rapidocr_onnxruntime") is None:
        fix = "To read them: pip install 'fireside[ocr]'."
        return Finding("scans", Level.NOTE, "pictures and scanned pages are kept, but not read", fix)
    return Finding("scans", Level.OK, "pictures and scanned pages are read")


def _vectors(config: Config) -> Finding:
    if config.embedding_model == OFF:
        return Finding("embedding model", Level.NOTE, "switched off: documents are searched by words alone")
    if config.embedding_model:
        return Finding("embedding model", Level.OK, f"{config.embedding_model}, of a runner")
    if missing := problem():
        fix = "Until then documents are searched by words alone; embedding_model can name a runner's model."
        return Finding("embedding model", Level.NOTE, missing, fix)
    return Finding("embedding model", Level.OK, MODEL_ID)
