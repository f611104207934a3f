"""`fireside search`: finds passages of documents on a running server. A client of KnowledgeService."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from fireside.cli.flags import ExampleCommand, config_flag, setting_flags
from fireside.cli.over_link import over_link
from fireside.settings import CLIENT_SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from fireside.cli.link import Link
    from fireside.gen.v1.document_pb2 import Passage
    from fireside.gen.v1.knowledge_service_pb2 import SearchKnowledgeResponse

_EXAMPLES = """
fireside search "how long does the battery last"
fireside search 电池 --collection Manuals --limit 3
fireside search invoice --by words --json | jq '.passages[].text'
"""
_NOTHING = 4


@click.command(cls=ExampleCommand, epilog=_EXAMPLES)
@click.argument("query")
@click.option(
    "--collection", "collections", multiple=True, metavar="NAME",
    help="Search only this collection (its name or id); may be repeated.",
)  # fmt: skip
@click.option("--folder", default="", metavar="PATH", help="Search only this folder, and those in it.")
@click.option(
    "--limit", metavar="NUMBER", type=click.IntRange(1, 100), default=10,
    help="The most passages to print.  [default: 10]",
)  # fmt: skip
@click.option(
    "--by", type=click.Choice(("both", "words", "meaning")), default="both",
    help="What to go by.  [default: both]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@setting_flags(CLIENT_SETTINGS)
@config_flag
def search(query: str, file: Path | None, **options: str | int | bool | tuple[str, ...] | None) -> None:
    """Find the passages of documents that fit a QUERY: words or a question.

    It searches all that you may read. Each passage comes with its document, page and headings; on a terminal the words of the
    query are marked.

    Exit codes: 0 found, 1 refused, 2 a flag or setting is wrong, 3 no server, 4 nothing fits.
    """

    async def work(link: Link) -> int:
        from fireside.cli.named import collection_named
        from fireside.gen.v1 import knowledge_service_pb2 as pb

        modes = {"words": pb.SEARCH_MODE_TEXT, "meaning": pb.SEARCH_MODE_VECTOR}
        names, limit = options["collections"], options["limit"]
        request = pb.SearchKnowledgeRequest(
            query=query,
            limit=limit if isinstance(limit, int) else 0,
            folder=str(options["folder"]),
            mode=modes.get(str(options["by"]), pb.SEARCH_MODE_HYBRID),
        )
        for name in names if isinstance(names, tuple) else ():
            request.collection_ids.append((await collection_named(link, name)).id)
        found = await link.knowledge.search_knowledge(request)
        _print(found, as_json=bool(options["as_json"]))
        return 0 if found.passages else _NOTHING

    over_link(file, options, work)


def _print(found: SearchKnowledgeResponse, *, as_json: bool) -> None:
    from google.protobuf.json_format import MessageToDict

    if as_json:
        click.echo(json.dumps(MessageToDict(found), ensure_ascii=False, indent=2))
        return
    for number, passage in enumerate(found.passages, 1):
        place = [passage.name, *([f"page {passage.page}"] if passage.page else []), *passage.headings]
        click.echo(click.style(f"{number}. {' > '.join(place)}", bold=True))
        click.echo(f"{marked(passage) if sys.stdout.isatty() else passage.text}\n")
    if not found.passages:
        click.echo("Nothing fits.", err=True)
    if found.pending_documents:
        what = "document is" if found.pending_documents == 1 else "documents are"
        click.echo(f"{found.pending_documents} {what} still being read.", err=True)


def marked(passage: Passage) -> str:
    """The text with the words of the query in colour. Positions count UTF-16 code units, as browsers do."""
    units = passage.text.encode("utf-16-le")
    pieces: list[str] = []
    at = 0
    for highlight in passage.highlights:
        pieces.append(units[2 * at : 2 * highlight.start].decode("utf-16-le"))
        word = units[2 * highlight.start : 2 * highlight.end].decode("utf-16-le")
        pieces.append(click.style(word, fg="yellow", bold=True))
        at = highlight.end
    return "".join([*pieces, units[2 * at :].decode("utf-16-le")])
