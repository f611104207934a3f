"""All that belongs to an account as a ZIP archive, made while it is read: memory stays flat, however much there is."""

from __future__ import annotations

import asyncio
import re
import zipfile
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from google.protobuf.json_format import MessageToJson

from fireside.core.clock import now_us
from fireside.gen.v1.account_pb2 import Account
from fireside.gen.v1.group_pb2 import Group
from fireside.identity import audit
from fireside.store import accounts, api_keys, audit_events, exports, groups, second_factors, sessions, shares
from fireside.store.audit_events import Filter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from google.protobuf.message import Message

    from fireside.core.principal import Origin, Principal
    from fireside.gen.v1.conversation_pb2 import Conversation
    from fireside.store.db import Database
    from fireside.store.tx import Tx

_CONVERSATIONS_AT_ONCE: Final = 50
_SIZES_AT_ONCE: Final = 500
_BATCH_BYTES: Final = 1024 * 1024
_EVENTS_AT_ONCE: Final = 100
_DOCUMENTS_AT_ONCE: Final = 200
_PIECE_BYTES: Final = 64 * 1024
_LARGEST_PIECE: Final = 256 * 1024


class Exports:
    """Exports accounts."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, principal: Principal, origin: Origin) -> AsyncGenerator[bytes]:
        """The caller's archive in pieces of at most 256 KiB. That it was asked for is recorded first."""

        async def begun(tx: Tx) -> int:
            newest = await audit_events.newest(tx)
            target = (principal.id, principal.name)
            await audit.record(tx, "account.exported", actor=principal, origin=origin, target=target)
            return newest

        newest = await self._db.write(begun)
        archive = _Archive()
        async with aclosing(self._steps(archive, principal, newest)) as steps:
            async for _ in steps:
                if archive.size >= _PIECE_BYTES:
                    for piece in archive.take():
                        yield piece
        archive.close()
        for piece in archive.take():
            yield piece

    async def _steps(self, archive: _Archive, principal: Principal, newest: int) -> AsyncGenerator[None]:
        """Writes the archive and stops wherever what was written may be taken."""
        for name, content in (await self._db.read(lambda tx: _small(tx, principal))).items():
            archive.whole(name, content)
        yield
        async with aclosing(self._audit_events(archive, principal, newest)) as steps:
            async for _ in steps:
                yield
        async with aclosing(self._documents(archive, principal)) as steps:
            async for _ in steps:
                yield
        after = ""
        while found := await self._db.read(
            lambda tx, after=after: exports.conversations(tx, principal.id, after, _CONVERSATIONS_AT_ONCE)
        ):
            after = found[-1].id
            for conversation in found:
                async with aclosing(self._conversation(archive, conversation)) as steps:
                    async for _ in steps:
                        yield

    async def _audit_events(self, archive: _Archive, principal: Principal, newest: int) -> AsyncGenerator[None]:
        archive.begin("audit_events.json", "[")
        after, wanted = 0, Filter(actor_id=principal.id)
        while events := await self._db.read(
            lambda tx, after=after: audit_events.walk(tx, wanted, _EVENTS_AT_ONCE, after, newest)
        ):
            after = events[-1].number
            await asyncio.to_thread(archive.items, events)
            yield
        archive.end("\n]\n")

    async def _documents(self, archive: _Archive, principal: Principal) -> AsyncGenerator[None]:
        """What documents there are. Their files are downloaded one by one: an archive of them all might have no end."""
        archive.begin("documents.json", "[")
        after = ""
        while found := await self._db.read(
            lambda tx, after=after: exports.documents(tx, principal.id, after, _DOCUMENTS_AT_ONCE)
        ):
            after = found[-1].id
            await asyncio.to_thread(archive.items, found)
            yield
        archive.end("\n]\n")

    async def _conversation(self, archive: _Archive, conversation: Conversation) -> AsyncGenerator[None]:
        # Ids are made by clients, and become names of files wherever the archive is opened.
        name = re.sub(r"[^A-Za-z0-9-]", "_", conversation.id)
        archive.begin(f"conversations/{name}.json", f'{{"conversation": {_json(conversation)}, "messages": [')
        after = 0
        while sizes := await self._db.read(
            lambda tx, after=after: exports.message_sizes(tx, conversation.id, after, _SIZES_AT_ONCE)
        ):
            for start, up_to in _batches(after, sizes):
                found = await self._db.read(
                    lambda tx, start=start, up_to=up_to: exports.messages(tx, conversation.id, start, up_to)
                )
                await asyncio.to_thread(archive.items, found)
                yield
            after = sizes[-1][0]
        archive.end("\n]}\n")
        yield


class _Archive:
    """A ZIP archive that is taken away as it grows. One file is written at a time."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []
        # Not seekable, so that lengths come behind the contents.
        self._zip = zipfile.ZipFile(self, "w", zipfile.ZIP_DEFLATED, compresslevel=6)  # pyright: ignore[reportArgumentType]
        self._file = None
        self._first = True

    def write(self, data: bytes) -> int:
        """What ZipFile wants of a file."""
        self._pieces.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """What ZipFile wants of a file."""

    def whole(self, name: str, content: str) -> None:
        """Adds a file."""
        self._zip.writestr(_info(name), content)

    def begin(self, name: str, content: str) -> None:
        """Begins a file with a list."""
        self._file = self._zip.open(_info(name), "w", force_zip64=True)
        self._first = True
        self._file.write(content.encode())

    def items(self, messages: Iterable[Message]) -> None:
        """Adds to the list."""
        for message in messages:
            self._put(("\n" if self._first else ",\n") + _json(message))
            self._first = False

    def end(self, content: str) -> None:
        """Ends the file."""
        self._put(content)
        if self._file is not None:
            self._file.close()

    def close(self) -> None:
        """Ends the archive."""
        self._zip.close()

    def take(self) -> list[bytes]:
        """What was written since it was last taken."""
        data, self._pieces, self.size = b"".join(self._pieces), [], 0
        return [data[at : at + _LARGEST_PIECE] for at in range(0, len(data), _LARGEST_PIECE)]

    def _put(self, content: str) -> None:
        if self._file is not None:
            self._file.write(content.encode())


async def _small(tx: Tx, principal: Principal) -> dict[str, str]:
    """What is small: the account itself and what opens it, never the secrets."""
    account = await accounts.get(tx, principal.id) or Account(id=principal.id)
    found = await sessions.of_owner(tx, principal.id, now_us())
    return {
        "account.json": _json(account) + "\n",
        "groups.json": _list([Group(id=each.id, name=each.name) for each in await groups.of_account(tx, principal.id)]),
        "sessions.json": _list([stored.session for stored in found]),
        "api_keys.json": _list(await api_keys.of_owner(tx, principal.id)),
        "passkeys.json": _list([each.passkey for each in await second_factors.passkeys(tx, principal.id)]),
        "shares.json": _list(await shares.of_account(tx, principal.id)),
        "collections.json": _list(await exports.collections(tx, principal.id)),
    }


def _batches(after: int, sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of positions whose messages have about _BATCH_BYTES; one that is larger is alone."""
    batches: list[tuple[int, int]] = []
    total = 0
    for position, size in sizes:
        if batches and total + size <= _BATCH_BYTES:
            batches[-1] = (batches[-1][0], position)
            total += size
        else:
            batches.append((batches[-1][1] if batches else after, position))
            total = size
    return batches


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    # Else nobody may read the files where they are unpacked.
    info.external_attr = 0o600 << 16
    return info


def _json(message: Message) -> str:
    return MessageToJson(message, indent=None, ensure_ascii=False)


def _list(messages: Sequence[Message]) -> str:
    return "[" + ",".join("\n" + _json(message) for message in messages) + "\n]\n"
