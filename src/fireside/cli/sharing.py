"""What `fireside collections share` does: gives access to a collection, ends it, or tells who has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.cli.failure import CommandError, UsageError
from fireside.cli.named import collection_named
from fireside.gen.v1.collection_service_pb2 import (
    ListCollectionSharesRequest,
    ShareCollectionRequest,
    UnshareCollectionRequest,
)
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR, SHARE_ROLE_VIEWER

if TYPE_CHECKING:
    from fireside.cli.link import Link
    from fireside.gen.v1.collection_pb2 import CollectionShare
    from fireside.gen.v1.collection_service_pb2 import ListCollectionSharesResponse


@dataclass(frozen=True, slots=True)
class Wish:
    """Which collection, with whom (an address or a group's name; neither: nobody), and what they may do."""

    collection: str
    email: str
    group: str
    edit: bool = False
    end: bool = False


async def carry(link: Link, wish: Wish) -> list[str]:
    """Does it, and returns what to print. Raises CommandError and ConnectError."""
    if wish.email and wish.group:
        raise UsageError("Name an address or a group, not both.")
    collection = await collection_named(link, wish.collection)
    listed = await link.collections.list_collection_shares(ListCollectionSharesRequest(collection_id=collection.id))
    if not wish.email and not wish.group:
        return [_line(share) for share in listed.shares]
    if wish.end:
        share = _share_of(listed, wish)
        await link.collections.unshare_collection(UnshareCollectionRequest(share_id=share.id))
        return []
    request = ShareCollectionRequest(
        collection_id=collection.id, role=SHARE_ROLE_EDITOR if wish.edit else SHARE_ROLE_VIEWER
    )
    if wish.email:
        request.email = wish.email
    else:
        request.group_id = _group_of(listed, wish.group)
    return [_line((await link.collections.share_collection(request)).share)]


def _share_of(listed: ListCollectionSharesResponse, wish: Wish) -> CollectionShare:
    for share in listed.shares:
        if share.email.casefold() == wish.email.casefold() if wish.email else _is_group(share, wish.group):
            return share
    raise CommandError(f"{wish.email or wish.group} has no share of this collection.")


def _is_group(share: CollectionShare, name: str) -> bool:
    return bool(share.group_id) and name in (share.name, share.group_id)


def _group_of(listed: ListCollectionSharesResponse, name: str) -> str:
    for group in listed.groups:
        if name in (group.name, group.id):
            return group.id
    names = ", ".join(group.name for group in listed.groups)
    raise CommandError(f"You cannot share with a group called {name}. You can with: {names or 'none'}.")


def _line(share: CollectionShare) -> str:
    what = "may add and remove documents" if share.role == SHARE_ROLE_EDITOR else "may read"
    who = f"{share.name} <{share.email}>" if share.email else f"group {share.name}"
    return f"{who}: {what}"
