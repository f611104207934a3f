"""`fireside collections` and `fireside documents`: what is in the library of a running server. A client of its services."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from fireside.cli.flags import ExampleCommand, config_flag, setting_flags
from fireside.cli.over_link import over_link
from fireside.settings import CLIENT_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fireside.cli.link import Link
    from fireside.gen.v1.collection_pb2 import Collection
    from fireside.gen.v1.document_pb2 import Document

_ROLES = {1: "may read", 2: "may add", 3: ""}
_STATES = {1: ("…", "waiting"), 2: ("…", "being read"), 3: ("…", "being embedded"), 4: ("✓", ""), 5: ("✗", "failed")}


@click.group()
def collections() -> None:
    """Manage collections of documents on a running server."""


@click.group()
def documents() -> None:
    """Manage the documents of collections on a running server. `fireside upload` adds some."""


def _client(group: click.Group, examples: str) -> Callable[[Callable[..., None]], click.Command]:
    """Makes a command with the flags of a client. It gets them as `file` and `flags`."""

    def make(function: Callable[..., None]) -> click.Command:
        flagged = setting_flags(CLIENT_SETTINGS)(config_flag(function))
        name = function.__name__.partition("_")[0]
        return group.command(name, cls=ExampleCommand, epilog=examples)(flagged)

    return make


_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
_in_collection = click.option(
    "--collection", default="", metavar="NAME", help="The collection that it is in; not needed with an id."
)


@_client(collections, "\nfireside collections list\nfireside collections list --json | jq '.collections[].name'\n")
@_json
def list_collections(file: Path | None, as_json: bool, **flags: str | None) -> None:  # noqa: FBT001 - click passes it by name
    """List the collections that you may search.

    Exit codes: 0 listed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(link: Link) -> int:
        from google.protobuf.json_format import MessageToDict

        from fireside.cli import named
        from fireside.gen.v1.collection_service_pb2 import ListCollectionsResponse

        found = await named.collections(link)
        if as_json:
            click.echo(
                json.dumps(MessageToDict(ListCollectionsResponse(collections=found)), ensure_ascii=False, indent=2)
            )
        else:
            for collection in found:
                click.echo(_collection_line(collection))
        return 0

    over_link(file, flags, work)


@_client(collections, "\nfireside collections create Manuals --description 'Of all machines'\n")
@click.argument("name")
@click.option("--description", default="", metavar="TEXT", help="What is in it.")
def create_collection(file: Path | None, name: str, description: str, **flags: str | None) -> None:
    """Make an empty collection, and print its id.

    Exit codes: 0 made, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(link: Link) -> int:
        from fireside.core.ids import new_id
        from fireside.gen.v1.collection_service_pb2 import CreateCollectionRequest

        request = CreateCollectionRequest(collection_id=new_id(), name=name, description=description)
        click.echo((await link.collections.create_collection(request)).collection.id)
        return 0

    over_link(file, flags, work)


@_client(collections, "\nfireside collections delete Manuals\nfireside collections delete Manuals --yes\n")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_collection(file: Path | None, name: str, yes: bool, **flags: str | None) -> None:  # noqa: FBT001 - click passes it by name
    """Delete a collection with its documents and files, for good.

    Exit codes: 0 deleted, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(link: Link) -> int:
        from fireside.cli.named import collection_named
        from fireside.gen.v1.collection_service_pb2 import DeleteCollectionRequest

        collection = await collection_named(link, name)
        count = f"{collection.document_count} document{'' if collection.document_count == 1 else 's'}"
        if not yes and not _sure(f"Delete {collection.name} with {count}, for good?"):
            return 1
        await link.collections.delete_collection(DeleteCollectionRequest(collection_id=collection.id))
        return 0

    over_link(file, flags, work)


@_client(
    collections,
    "\nfireside collections share Manuals --with ann@example.org\n"
    "fireside collections share Manuals --with-group Workshop --edit\n"
    "fireside collections share Manuals --with ann@example.org --end\n"
    "fireside collections share Manuals\n",
)
@click.argument("name")
@click.option("--with", "email", default="", metavar="ADDRESS", help="Share it with the account of this address.")
@click.option("--with-group", "group", default="", metavar="NAME", help="Share it with this group of yours.")
@click.option("--edit", is_flag=True, help="Let them add and remove documents too.")
@click.option("--end", is_flag=True, help="End their access.")
def share_collection(file: Path | None, name: str, **flags: str | bool | None) -> None:
    """Give somebody access to a collection, or end it; with nobody named, list who has access.

    Exit codes: 0 done, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(link: Link) -> int:
        from fireside.cli.sharing import Wish, carry

        wish = Wish(name, str(flags["email"]), str(flags["group"]), edit=bool(flags["edit"]), end=bool(flags["end"]))
        for line in await carry(link, wish):
            click.echo(line)
        return 0

    over_link(file, flags, work)


@_client(documents, "\nfireside documents list Manuals\nfireside documents list Manuals --failed\n")
@click.argument("collection")
@click.option("--failed", is_flag=True, help="Only those that could not be read.")
@_json
def list_documents(file: Path | None, collection: str, **flags: str | bool | None) -> None:
    """List the documents of a collection, and how far they are.

    Exit codes: 0 listed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(link: Link) -> int:
        from google.protobuf.json_format import MessageToDict

        from fireside.cli import named
        from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_FAILED
        from fireside.gen.v1.knowledge_service_pb2 import ListDocumentsResponse

        within = await named.collection_named(link, collection)
        found = await named.documents(link, within.id, (DOCUMENT_STATE_FAILED,) if flags["failed"] else ())
        if flags["as_json"]:
            click.echo(json.dumps(MessageToDict(ListDocumentsResponse(documents=found)), ensure_ascii=False, indent=2))
        else:
            for document in found:
                click.echo(_document_line(document))
        return 0

    over_link(file, flags, work)


@_client(documents, "\nfireside documents delete drills/x200.pdf --collection Manuals\n")
@click.argument("document")
@_in_collection
def delete_document(file: Path | None, document: str, collection: str, **flags: str | None) -> None:
    """Delete a DOCUMENT (its name behind its folder, or its id) with all its versions, for good.

    Exit codes: 0 deleted, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(link: Link) -> int:
        from fireside.cli.named import document_named
        from fireside.gen.v1.knowledge_service_pb2 import DeleteDocumentRequest

        found = await document_named(link, collection, document)
        await link.knowledge.delete_document(DeleteDocumentRequest(document_id=found.id))
        return 0

    over_link(file, flags, work)


@_client(
    documents,
    "\nfireside documents retry drills/x200.pdf --collection Manuals\nfireside documents retry --collection Manuals\n",
)
@click.argument("document", default="")
@_in_collection
def retry_document(file: Path | None, document: str, collection: str, **flags: str | None) -> None:
    """Have a DOCUMENT read again, or without one all those of the collection that failed.

    Exit codes: 0 they are being read, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(link: Link) -> int:
        from fireside.cli import named
        from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_FAILED
        from fireside.gen.v1.knowledge_service_pb2 import RetryDocumentRequest

        if document:
            found = [await named.document_named(link, collection, document)]
        else:
            within = await named.collection_named(link, collection)
            found = await named.documents(link, within.id, (DOCUMENT_STATE_FAILED,))
        for item in found:
            again = (await link.knowledge.retry_document(RetryDocumentRequest(document_id=item.id))).document
            click.echo(_document_line(again))
        return 0

    over_link(file, flags, work)


def _sure(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        return False  # There is nobody to ask.


def _collection_line(collection: Collection) -> str:
    count = f"{collection.document_count} document{'' if collection.document_count == 1 else 's'}"
    about = [count]
    if collection.pending_count:
        about.append(f"{collection.pending_count} being read")
    if collection.failed_count:
        about.append(f"{collection.failed_count} failed")
    if collection.owner_name:
        about.append(f"{collection.owner_name}'s, you {_ROLES.get(collection.access, 'may read')}")
    elif collection.shared:
        about.append("shared")
    return f"{collection.name:<30} {', '.join(about)}"


def _document_line(document: Document) -> str:
    from fireside.cli.named import place_of

    mark, what = _STATES.get(document.state, ("?", ""))
    done = f" {document.done} of {document.total}" if document.total else ""
    about = ", ".join(part for part in (f"{what}{done}".strip(), document.failure.message, *document.warnings) if part)
    return f"{mark} {place_of(document):<40} {about}".rstrip()
