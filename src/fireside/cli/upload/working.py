"""What `fireside upload` does: looks, sends several files at once, waits, and says how it went. Sending is in sending.py."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectrpc.errors import ConnectError

from fireside.cli.failure import CommandError, UnreachableError
from fireside.cli.link import open_link, refused
from fireside.cli.upload.place import collection_of, known
from fireside.cli.upload.progress import size_text
from fireside.cli.upload.screen import Screen
from fireside.cli.upload.sending import Links, Sender
from fireside.cli.upload.sources import sources
from fireside.cli.upload.waiting import wait_for
from fireside.gen.v1.upload_service_pb2 import GetUploadLimitsRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fireside.cli.link import Link
    from fireside.cli.upload.command import Options
    from fireside.cli.upload.sources import Source
    from fireside.config import ClientConfig
    from fireside.gen.v1.file_pb2 import UploadLimits


async def run(config: ClientConfig, paths: Sequence[str], options: Options) -> int:
    """The exit code. Raises CommandError."""
    found = sources(paths)
    if not found:
        raise CommandError("There are no files there. Hidden ones are left out.")
    links = Links(open_link(config), open_link(config))
    link = links.asking
    try:
        collection = await collection_of(link, options.collection, create=options.create)
        limits = (await link.uploads.get_upload_limits(GetUploadLimitsRequest())).limits
        sender = Sender(links, collection.id, await known(link, collection.id), options.patience)
        work = Work(sender, Screen(len(found), sum(source.size for source in found)))
        await work.send(found, limits, options.jobs)
        if options.wait and work.documents:
            await work.wait(link, collection.id)
    except ConnectError as error:
        raise refused(error, link.url) from error
    finally:
        for each in links:
            await each.aclose()
    return work.exit_code


@dataclass(slots=True)
class Work:
    """How it goes."""

    sender: Sender
    screen: Screen
    documents: dict[str, int] = field(default_factory=dict[str, int])
    """What came of the files: documents' ids, and the version that counts."""

    there: int = 0
    failed: int = 0
    unreachable: int = 0

    @property
    def exit_code(self) -> int:
        """As the command's help has it."""
        if self.failed and self.failed == self.unreachable and not self.documents:
            return UnreachableError.exit_code
        return int(bool(self.failed))

    async def send(self, found: Sequence[Source], limits: UploadLimits, jobs: int) -> None:
        """Sends them, `jobs` at once; each that fails is told."""
        queue = iter(self._within(found, limits))
        drawing = asyncio.create_task(self.screen.draw(), name="draw progress")
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(jobs):
                    group.create_task(self._worker(queue), name=f"upload {number}")
        except asyncio.CancelledError:
            self.screen.stopped()
            raise
        finally:
            drawing.cancel()
            self.screen.clear()
        self.screen.summary(self.there, self.failed)

    async def _worker(self, queue: Iterable[Source]) -> None:
        for source in queue:
            running = self.screen.begin(source)
            try:
                outcome = await self.sender.send(source, running)
            except CommandError as error:
                self.failed += 1
                self.unreachable += isinstance(error, UnreachableError)
                self.screen.end(running, error.message, failed=True)
                continue
            self.there += outcome.there
            if outcome.document.id:
                self.documents[outcome.document.id] = outcome.document.version
            text = "there already" if outcome.there else f"sent, {size_text(source.size)}"
            self.screen.end(running, text, sent=outcome.sent)

    def _within(self, found: Sequence[Source], limits: UploadLimits) -> list[Source]:
        """Those that the server would take; the others are told before anything is sent."""
        taken: list[Source] = []
        endings = tuple(item.lower() for item in limits.refused_types if item.startswith("."))
        for source in found:
            if limits.max_file_bytes and source.size > limits.max_file_bytes:
                why = (
                    f"it has {size_text(source.size)}, and the server takes at most {size_text(limits.max_file_bytes)}"
                )
            elif endings and source.name.lower().endswith(endings):
                why = "the server takes no files of this kind"
            else:
                taken.append(source)
                continue
            self.failed += 1
            self.screen.end(self.screen.begin(source), f"not sent: {why}", failed=True)
        wanted = sum(source.size for source in taken)
        if 0 <= limits.remaining_bytes < wanted:
            room, size = size_text(limits.remaining_bytes), size_text(wanted)
            self.screen.say(
                f"Your account has room for {room}, and this is {size}: unless some of it is there, not all will fit."
            )
        return taken

    async def wait(self, link: Link, collection_id: str) -> None:
        """Until the documents can be searched; those that cannot be are told."""
        drawing = asyncio.create_task(self.screen.draw(), name="draw progress")
        try:
            broken = await wait_for(link, collection_id, self.documents, self._not_ready)
        finally:
            drawing.cancel()
            self.screen.clear()
        for document in broken:
            place = f"{document.folder}/{document.name}" if document.folder else document.name
            self.screen.say(f"{place}: {document.failure.message or 'it was deleted meanwhile'}", failed=True)
        self.failed += len(broken)
        ready = len(self.documents) - len(broken)
        self.screen.say(f"{ready} of {len(self.documents)} can be searched.")

    def _not_ready(self, count: int) -> None:
        self.screen.waiting(f"{count} of {len(self.documents)} documents are still being read.")
