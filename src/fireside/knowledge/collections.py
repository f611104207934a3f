"""Collections of documents: make, list, rename, delete, and share with accounts and groups. Not what is in them: documents.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fireside.core import paging
from fireside.core.clock import now_us
from fireside.core.errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)
from fireside.core.finishing import Finishing
from fireside.core.ids import new_id
from fireside.gen.v1 import share_pb2
from fireside.gen.v1.collection_pb2 import Collection, CollectionShare
from fireside.identity import audit, recipients
from fireside.knowledge import access
from fireside.store import collection_shares, collections, document_removal
from fireside.store.records import timestamp_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from fireside.core.principal import Origin, Principal
    from fireside.gen.v1.group_pb2 import Group
    from fireside.knowledge.changes import Changes
    from fireside.knowledge.purging import Purging
    from fireside.store.db import Database
    from fireside.store.tx import Body, T, Tx

    Told: TypeAlias = list[tuple[str, int]]
    Heard: TypeAlias = Callable[[str, int], None]

DEFAULT_COLLECTIONS: Final = 100
MOST_SHARES: Final = 500
MOST_COLLECTIONS: Final = 2000
"""The most of one account."""


@dataclass(frozen=True, slots=True)
class Gift:
    """A collection and with whom it is to be shared: the address of an account, or a group's id."""

    collection_id: str
    role: share_pb2.ShareRole
    email: str = ""
    group_id: str = ""


class Collections:
    """The collections of all accounts."""

    def __init__(self, db: Database, changes: Changes, purging: Purging, heard: Heard) -> None:
        """`heard(account_id, number)` tells those who follow an account here of its newest event."""
        self._db = db
        self._changes = changes
        self._purging = purging
        self._heard = heard
        self._misses = recipients.Misses()
        self._finishing = Finishing()

    async def aclose(self) -> None:
        """Waits for what was begun."""
        await self._finishing.join()

    async def create(self, principal: Principal, wanted: Collection) -> Collection:
        """Makes an empty one with the id, name and description of `wanted`; the same one when it is repeated.

        AlreadyExistsError (COLLECTION_EXISTS, COLLECTION_NAME_TAKEN), InvalidArgumentError.
        """
        wanted.name, wanted.owner_id = _name(wanted.name), principal.id
        wanted.create_time.CopyFrom(timestamp_of(now_us()))

        async def body(tx: Tx) -> tuple[Collection, Told]:
            if (found := await collections.get(tx, wanted.id)) is not None:
                if (found.owner_id, found.name) != (principal.id, wanted.name):
                    raise AlreadyExistsError("COLLECTION_EXISTS", "The collection's id is taken: make a new one.")
                await collections.count_into(tx, [found])
                return found, []
            if await collections.named(tx, principal.id, wanted.name) is not None:
                raise _name_taken()
            if await collections.count(tx, principal.id) >= MOST_COLLECTIONS:
                raise FailedPreconditionError(
                    "TOO_MANY_COLLECTIONS", f"An account has at most {MOST_COLLECTIONS} collections; delete some first."
                )
            made = await collections.insert(tx, wanted)
            return made, await collection_shares.tell_changed(
                tx, made.id, await collection_shares.audience(tx, made.id)
            )

        return await self._write(wanted.id, body)

    async def get(self, principal: Principal, collection_id: str) -> Collection:
        """A collection that the caller may search. NotFoundError."""

        async def body(tx: Tx) -> Collection:
            _, found = await access.collection(tx, principal, collection_id)
            await collections.count_into(tx, [found])
            return found

        return await self._db.read(body)

    async def page(
        self, principal: Principal, *, query: str, page_size: int, page_token: str
    ) -> tuple[list[Collection], str]:
        """The collections that the caller may search, by name, with the token of the next page. OutOfRangeError."""
        size = page_size or DEFAULT_COLLECTIONS
        words = paging.words(page_token)
        # Folded names may have spaces, ids have none.
        after = (words[1], words[0]) if words else None

        async def body(tx: Tx) -> tuple[list[Collection], str]:
            found = await collections.page(tx, principal.id, query=query, limit=size + 1, after=after)
            more = found[size - 1] if len(found) > size else None
            await collections.count_into(tx, found[:size])
            return found[:size], paging.token(more.id, collections.folded(more)) if more else ""

        return await self._db.read(body)

    async def update(self, principal: Principal, wanted: Collection) -> Collection:
        """Gives it the name and the description of `wanted`, if it has its etag, or that is empty.

        NotFoundError, PermissionDeniedError, AbortedError (STALE_ETAG), AlreadyExistsError (COLLECTION_NAME_TAKEN).
        """
        name = _name(wanted.name)

        async def body(tx: Tx) -> tuple[Collection, Told]:
            standing, found = await access.collection(tx, principal, wanted.id)
            standing.require_owner()
            if wanted.etag and wanted.etag != found.etag:
                raise AbortedError("STALE_ETAG", "The collection has changed; read it again.", collection_id=wanted.id)
            other = await collections.named(tx, found.owner_id, name)
            if other is not None and other.id != found.id:
                raise _name_taken()
            found.name, found.description = name, wanted.description
            await collections.update(tx, found)
            told = await collection_shares.tell_changed(tx, found.id, await collection_shares.audience(tx, found.id))
            _, changed = await access.collection(tx, principal, wanted.id)
            await collections.count_into(tx, [changed])
            return changed, told

        return await self._write(wanted.id, body)

    async def delete(self, principal: Principal, origin: Origin, collection_id: str) -> None:
        """Deletes it with all that is in it, for good; returns when that is gone. NotFoundError, PermissionDeniedError."""

        async def body(tx: Tx) -> tuple[None, Told]:
            standing, found = await access.collection(tx, principal, collection_id)
            standing.require_owner()
            details = {"name": found.name}
            await audit.record(
                tx, "collection.deleted", actor=principal, origin=origin, target=(collection_id, ""), details=details
            )
            return None, await _delete(tx, collection_id)

        await self._finishing.run(self._delete(collection_id, body))

    async def share(self, principal: Principal, origin: Origin, gift: Gift) -> CollectionShare:
        """Gives access, or changes it. Errors as CollectionService.ShareCollection says."""
        _check(gift)

        async def body(tx: Tx) -> tuple[CollectionShare, Told]:
            standing, _ = await access.collection(tx, principal, gift.collection_id)
            standing.require_owner()
            if await collection_shares.count(tx, gift.collection_id) >= MOST_SHARES:
                raise FailedPreconditionError(
                    "TOO_MANY_SHARES", f"A collection has at most {MOST_SHARES} shares; end some first."
                )
            stored = await collection_shares.put(tx, await _share_of(tx, principal, gift))
            await recipients.record(tx, "collection_share.created", principal, origin, stored, gift.collection_id)
            roles = await collection_shares.audience(tx, gift.collection_id)
            told = await collection_shares.tell_changed(tx, gift.collection_id, roles)
            listed = await collection_shares.of_collection(tx, gift.collection_id)
            return next((item for item in listed if item.id == stored.id), stored), told

        with self._misses.counting(principal, gift.email):
            return await self._write(gift.collection_id, body)

    async def shares(self, principal: Principal, collection_id: str) -> tuple[list[CollectionShare], list[Group]]:
        """Who has access, and the groups that the caller can share with. NotFoundError, PermissionDeniedError."""

        async def body(tx: Tx) -> tuple[list[CollectionShare], list[Group]]:
            standing, _ = await access.collection(tx, principal, collection_id)
            standing.require_owner()
            return await collection_shares.of_collection(tx, collection_id), await recipients.groups_of(tx, principal)

        return await self._db.read(body)

    async def unshare(self, principal: Principal, origin: Origin, share_id: str) -> None:
        """Ends access. NotFoundError."""

        async def body(tx: Tx) -> tuple[str, Told]:
            share = await collection_shares.get(tx, share_id)
            allowed = share and await collections.access(tx, principal.id, share.collection_id)
            if not share or not allowed or allowed.role != share_pb2.SHARE_ROLE_OWNER:
                raise NotFoundError("SHARE_NOT_FOUND", "There is no such share; it may have ended already.")
            before = await collection_shares.audience(tx, share.collection_id)
            await collection_shares.delete(tx, share_id)
            await recipients.record(tx, "collection_share.deleted", principal, origin, share, share.collection_id)
            told = await collection_shares.tell_removed(tx, share.collection_id, list(before))
            roles = await collection_shares.audience(tx, share.collection_id)
            return share.collection_id, told + await collection_shares.tell_changed(tx, share.collection_id, roles)

        collection_id = await self._write("", body)
        self._changes.collection(collection_id)

    async def remove_account(self, account_id: str) -> None:
        """Deletes all collections and attachments of an account that is about to be deleted itself.

        What it brought into collections of others stays there and becomes theirs.
        """

        async def own(tx: Tx) -> list[str]:
            await document_removal.hand_over_files(tx, account_id)
            await document_removal.delete_attachments(tx, account_id)
            return await collections.owned(tx, account_id)

        for collection_id in await self._db.write(own):

            async def body(tx: Tx, collection_id: str = collection_id) -> tuple[None, Told]:
                return None, await _delete(tx, collection_id)

            await self._delete(collection_id, body)
        await self._purging.purge()

    async def _delete(self, collection_id: str, body: Body[tuple[None, Told]]) -> None:
        await self._write(collection_id, body)
        await self._purging.purge()

    async def _write(self, collection_id: str, body: Body[tuple[T, Told]]) -> T:
        result, told = await self._db.write(body)
        for account_id, number in told:
            self._heard(account_id, number)
        self._changes.collection(collection_id)
        return result


async def _delete(tx: Tx, collection_id: str) -> Told:
    audience = await collection_shares.audience(tx, collection_id)
    await document_removal.delete_all(tx, collection_id)
    await collections.delete(tx, collection_id)
    return await collection_shares.tell_removed(tx, collection_id, list(audience))


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or not name.isprintable():
        raise InvalidArgumentError("NAME_INVALID", "A name has letters that can be seen, on one line.")
    return name


def _name_taken() -> AlreadyExistsError:
    return AlreadyExistsError(
        "COLLECTION_NAME_TAKEN", "There is a collection of this name already; choose another one."
    )


def _check(gift: Gift) -> None:
    if not gift.email and not gift.group_id:
        raise InvalidArgumentError("RECIPIENT_MISSING", "Say with whom to share: an address or a group.")
    recipients.check_role(gift.role)


async def _share_of(tx: Tx, principal: Principal, gift: Gift) -> CollectionShare:
    share = CollectionShare(id=new_id(), collection_id=gift.collection_id, role=gift.role)
    share.create_time.FromMicroseconds(now_us())
    await recipients.name_recipient(tx, principal, share, email=gift.email, group_id=gift.group_id)
    return share
