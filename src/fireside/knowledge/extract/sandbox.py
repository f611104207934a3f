"""Reads documents in child processes, one for each, so that a bad one harms its own reading alone. Not the reading: child.py."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

import fireside
from fireside.core.errors import DeadlineExceededError, FailedPreconditionError, FiresideError, UnavailableError
from fireside.knowledge.extract import problems
from fireside.knowledge.extract.base import GROUP, Block, Extracted, Kind, Limits
from fireside.knowledge.extract.frames import HEADER, MAX_FRAME, Batch, Failed, Frame, Opening, decode, encode_opening

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

logger = logging.getLogger(__name__)

_MODULE = "fireside.knowledge.extract.child"
_LOG_BYTES = 8192
_LAST_WORDS = 5.0
"""Seconds in which a child that has closed its output must end."""
_OUT_OF_MEMORY = (b"bad_alloc", b"MemoryError", b"annot allocate memory", b"ut of memory")
_KINDS = {str(kind): kind for kind in Kind}


async def extract(path: Path, media_type: str, name: str, limits: Limits | None = None) -> AsyncGenerator[Extracted]:
    """Yields the text of the file at `path` (absolute), whose name and type were `name` and `media_type`.

    The child waits while its batches are not taken. Closing the generator, or cancelling its task, ends the child.
    Raises InvalidArgumentError (FORMAT_UNKNOWN, DOCUMENT_DAMAGED, DOCUMENT_ENCRYPTED, DOCUMENT_TOO_LARGE),
    UnimplementedError (EXTRA_MISSING), DeadlineExceededError (EXTRACT_TIMEOUT), FailedPreconditionError
    (EXTRACT_MEMORY, EXTRACT_CRASHED), UnavailableError (EXTRACT_KILLED: somebody else ended the child;
    EXTRACT_UNAVAILABLE: none could be started).
    """
    limits = limits or Limits()
    opening = Opening(
        path=str(path),
        media_type=media_type,
        # A lone surrogate, which a name on a disk may have, is no text.
        name=name.encode("utf-8", "replace").decode(),
        seconds=limits.seconds,
        memory_bytes=limits.memory_bytes,
        text_chars=limits.text_chars,
        unpacked_bytes=limits.unpacked_bytes,
        others=others().values,
        parent=os.getpid(),
    )
    async with _Child(opening) as child:
        left = limits.seconds
        while True:
            began = time.monotonic()
            frame = await child.frame(left)
            left -= time.monotonic() - began
            if not isinstance(frame, Batch):
                break
            yield _extracted(frame)
        if isinstance(frame, Failed):
            raise _memory(limits) if frame.error == "memory" else _told(frame)


@dataclass(frozen=True, slots=True)
class Others:
    """The extractors of packages outside, as `module:name`, and the folders in which they are installed."""

    values: tuple[str, ...]
    folders: tuple[str, ...]


@cache
def others() -> Others:
    """Those that are installed. Looked for once."""
    points = entry_points(group=GROUP)
    folders = dict.fromkeys(str(point.dist.locate_file("")) for point in points if point.dist is not None)
    return Others(tuple(point.value for point in points), tuple(folders))


class _Child:
    """The process. Entering starts it; leaving ends it, whatever it is doing, and waits until it is gone."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._log = b""

    async def __aenter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="fireside-extract-", ignore_cleanup_errors=True)
        starting = asyncio.create_task(self._start(), name="start extraction")
        try:
            self._process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # It is there in a moment, and would stay.
            with suppress(OSError):
                self._process = await starting
                await self._end()
            self._folder.cleanup()
            raise
        except OSError as error:
            self._folder.cleanup()
            raise UnavailableError(
                "EXTRACT_UNAVAILABLE", f"No process could be started to read this file ({error.strerror})."
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()
        if self._log:
            logger.info("Reading %s: %s", self._opening.name, self._log.decode(errors="replace").strip()[-2000:])

    async def _end(self) -> None:
        self._kill()
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
        try:
            # Until they end, so that nothing of the pipes is left open.
            while process.stdout is not None and await process.stdout.read(MAX_FRAME):
                pass
            await self._listening
            await process.wait()
        finally:
            self._folder.cleanup()

    async def frame(self, seconds: float) -> Frame:
        """The next frame. Raises what made the child end without one."""
        try:
            async with asyncio.timeout(max(seconds, 0)):
                return await self._read()
        except TimeoutError:
            raise _timeout(self._opening.seconds) from None
        except (asyncio.IncompleteReadError, msgspec.MsgspecError):
            raise await self._cause() from None

    async def _start(self) -> asyncio.subprocess.Process:
        folder = self._folder.name
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            # Nothing is imported from the working folder, nor from what a user has installed besides.
            "-P",
            "-s",
            "-m",
            _MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            # A group of its own, by which it is ended, and in which Ctrl-C does not reach it.
            start_new_session=True,
            env={
                "PYTHONPATH": os.pathsep.join([str(Path(fireside.__file__).parent.parent), *others().folders]),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONUTF8": "1",
                "LANG": "C.UTF-8",
                "HOME": folder,
                "TMPDIR": folder,
                # Threads that each reserve memory of their own would use up the address space.
                "MALLOC_ARENA_MAX": "2",
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            },
        )
        if process.stdin is not None:
            process.stdin.write(encode_opening(self._opening))
            process.stdin.write_eof()
        self._listening = asyncio.create_task(self._listen(process.stderr), name="extraction log")
        return process

    async def _read(self) -> Frame:
        if self._process.stdout is None:
            raise asyncio.IncompleteReadError(b"", HEADER)
        length = int.from_bytes(await self._process.stdout.readexactly(HEADER), "little")
        if length > MAX_FRAME:
            raise msgspec.ValidationError("a frame is too long")
        return decode(await self._process.stdout.readexactly(length))

    async def _listen(self, pipe: asyncio.StreamReader | None) -> None:
        """Keeps the end of what it writes to its log."""
        while pipe is not None and (data := await pipe.read(_LOG_BYTES)):
            self._log = (self._log + data)[-_LOG_BYTES:]

    async def _cause(self) -> FiresideError:
        """Why there is no frame."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._process.wait()
                await asyncio.shield(self._listening)
        code = self._process.returncode
        if code == -getattr(signal, "SIGXCPU", 0):
            return _timeout(self._opening.seconds)
        if any(words in self._log for words in _OUT_OF_MEMORY):
            return _memory(Limits(memory_bytes=self._opening.memory_bytes))
        if code == -getattr(signal, "SIGKILL", 9):
            return UnavailableError(
                "EXTRACT_KILLED",
                "The process that read this file was ended from outside. Have the document read again.",
            )
        how = f"signal {-code}" if code is not None and code < 0 else f"status {code}"
        return FailedPreconditionError(
            "EXTRACT_CRASHED",
            f"This file made its reader crash ({how}). It may be damaged: open it in its program, save it again and upload it anew.",
        )

    def _kill(self) -> None:
        """Ends it with all that it may have started."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                if sys.platform == "win32":
                    self._process.kill()
                else:
                    os.killpg(self._process.pid, signal.SIGKILL)


def _extracted(batch: Batch) -> Extracted:
    blocks = tuple(
        Block(_KINDS.get(kind, Kind.PARAGRAPH), text, max(page, 0), max(level, 0))
        for kind, text, page, level in batch.blocks
    )
    return Extracted(blocks, max(batch.done, 0), max(batch.total, 0), batch.warnings)


def _told(failed: Failed) -> FiresideError:
    return problems.TELLABLE.get(failed.error, FailedPreconditionError)(failed.reason, failed.message)


def _timeout(seconds: float) -> FiresideError:
    return DeadlineExceededError(
        "EXTRACT_TIMEOUT",
        f"Reading this file took more than {seconds:.0f} seconds and was stopped. Divide it into smaller files, or ask for a"
        " longer --extract-timeout.",
    )


def _memory(limits: Limits) -> FiresideError:
    return FailedPreconditionError(
        "EXTRACT_MEMORY",
        f"Reading this file takes more than the {limits.memory_bytes // 1_000_000} MB of memory that it may. Divide it into"
        " smaller files, or ask for a larger --extract-memory.",
    )
