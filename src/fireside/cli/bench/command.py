"""`fireside bench`: the commands and their flags. What they do is in stream.py and api.py."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fireside.cli.descriptors import allow_many_connections
from fireside.cli.flags import ExampleCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fireside.cli.bench.report import Report

F = TypeVar("F", bound="Callable[..., object]")
T = TypeVar("T")

_STREAM_EXAMPLES = """
fireside bench stream
fireside bench stream --concurrency 1,100,1000 --protocol connect,grpc,rest --html bench.html
fireside bench stream --pace 0 --tokens 20000 --concurrency 1
fireside bench stream --target http://127.0.0.1:8080 --upstream-port 9099 --peer http://127.0.0.1:3000/api
fireside bench stream --target https://chat.example.org --upstream http://gpu:8000/v1 --upstream-model qwen3
fireside bench stream -- --workers 2
"""
_API_EXAMPLES = """
fireside bench api
fireside bench api --target http://127.0.0.1:8080 --concurrency 1,64 --protocol connect,grpc
"""
_UPLOAD_EXAMPLES = """
fireside bench upload
fireside bench upload --megabytes 500 --json uploads.json
"""


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def _path(flag: str, name: str, text: str) -> Callable[[F], F]:
    return click.option(flag, name, metavar="PATH", type=click.Path(path_type=Path, dir_okay=False), help=text)


def _text(flag: str, text: str, default: str | None = "", metavar: str = "TEXT") -> Callable[[F], F]:
    return click.option(flag, metavar=metavar, default=default, help=text)


def _number(flag: str, text: str, default: int | None, low: int = 0) -> Callable[[F], F]:
    kind = click.IntRange(min=low)
    return click.option(flag, metavar="NUMBER", type=kind, default=default, help=text)


def _seconds(text: str, default: float) -> Callable[[F], F]:
    kind = click.FloatRange(min=0.1)
    return click.option(
        "--duration", metavar="SECONDS", type=kind, default=default, help=f"{text} [default: {default:g}]"
    )


_where = _options(
    _text("--target", "Server to load; without it one is started for the benchmark.", None, "URL"),
    _text("--peer", "Another server to load in the same way, by its OpenAI-compatible API.", None, "URL"),
    _text("--protocol", "connect, grpc or rest, or several with commas. [default: connect]", "connect"),
)
_who = _options(
    _text("--api-key", "Key for the target."),
    _text("--peer-api-key", "Key for the peer."),
    _path("--tls-ca", "tls_ca", "PEM file with a certificate authority to trust besides the system's."),
    _number("--pid", "Process whose CPU and memory are the target's; otherwise found by its port.", None, 1),
    _number("--peer-pid", "The same for the peer.", None, 1),
)
_accounts = click.option(
    "--accounts",
    is_flag=True,
    help="Have the server that is started want a key with each call, as one with accounts does.",
)
_results = _options(
    _path("--json", "json_file", "Write everything that was measured to this file."),
    _path("--markdown", "markdown_file", "Write the table to this file."),
    _path("--html", "html_file", "Write a page with plots to this file; it needs nothing else."),
    click.argument("server_flags", nargs=-1, type=click.UNPROCESSED),
)


@click.group()
def bench() -> None:
    """Load a running server and measure it.

    Each command prints a table, and writes it as JSON, Markdown or a page with plots. The floor, the same load without a
    server, is always measured in the same run. Flags after `--` go to the server that is started without --target.
    """


@bench.command(cls=ExampleCommand, epilog=_STREAM_EXAMPLES)
@_where
@_text("--concurrency", "Readers at once, step by step. [default: 1,10,100]", "1,10,100", "NUMBERS")
@_seconds("How long each step keeps its readers busy.", 10.0)
@_number("--chats", "End each step after so many answers instead.", None, 1)
@_number("--tokens", "Tokens of an answer of the scripted upstream. [default: 64]", 64, 1)
@_number("--pace", "Milliseconds from one token to the next; 0 for as fast as possible. [default: 50]", 50)
@_text(
    "--upstream", "scripted, which is started, or the address of what the target asks. [default: scripted]", "scripted"
)
@_number("--upstream-port", "Port of the scripted upstream; 0 for any. [default: 0]", 0)
@_text("--upstream-model", "Name of the model at an upstream that is not scripted.")
@click.option("--serve", is_flag=True, help="Start a server for the benchmark, also with --target.")
@_text("--model", "Model to ask the target for; otherwise found by the upstream's name for it.")
@_text("--peer-model", "The same for the peer.")
@click.option("--store", is_flag=True, help="By REST, have answers kept as conversations, as the other protocols do.")
@click.option(
    "--leaving", metavar="PERCENT", type=click.IntRange(0, 100), default=0,
    help="Of a hundred answers, so many are left by their reader in the middle. [default: 0]",
)  # fmt: skip
@_accounts
@_who
@_results
def stream(**flags: Any) -> None:
    """Measure streamed answers: time to first token, gaps, throughput, cost.

    Without --target it starts a Fireside of its own, in a temporary folder, on a scripted upstream: an OpenAI-compatible
    server whose tokens tell when they were sent. With --target it prints how to point that server at the upstream.

    Exit codes: 0 all answers came whole, 1 some did not, 2 a flag is wrong, 3 no server at an address.
    """
    from fireside.cli.bench import stream as work
    from fireside.cli.bench.options import StreamOptions

    options = StreamOptions(**flags)
    report = _run(lambda stack: work.run(options, stack))
    _finish(report, options.json_file, options.markdown_file, options.html_file)


@bench.command(cls=ExampleCommand, epilog=_API_EXAMPLES)
@_where
@_text("--concurrency", "Clients at once, step by step. [default: 1,10,100]", "1,10,100", "NUMBERS")
@_seconds("How long each step keeps its clients busy.", 5.0)
@_accounts
@_who
@_results
def api(**flags: Any) -> None:
    """Measure single calls: list conversations, list models, health.

    Each client makes its next call when the last was answered. The floor is a bare server that returns a fixed list.
    With --accounts the same calls are made to a server without sign-in and to one with it.

    Exit codes: 0 all calls were answered, 1 some were not, 2 a flag is wrong, 3 no server at an address.
    """
    from fireside.cli.bench import api as work
    from fireside.cli.bench.options import ApiOptions

    options = ApiOptions(**flags)
    report = _run(lambda stack: work.run(options, stack))
    _finish(report, options.json_file, options.markdown_file, options.html_file)


@bench.command(cls=ExampleCommand, epilog=_UPLOAD_EXAMPLES)
@_number("--megabytes", "Size of the file that goes through each door. [default: 2000]", 2000, 1)
@_path("--json", "json_file", "Write everything that was measured to this file.")
@click.argument("server_flags", nargs=-1, type=click.UNPROCESSED)
def upload(megabytes: int, json_file: Path | None, server_flags: tuple[str, ...]) -> None:
    """Measure uploads and downloads: throughput, and how much the server's memory grows.

    It starts a server of its own in a temporary folder, which needs room for one file. The floor is a bare server that
    reads the same bytes and hashes them.

    Exit codes: 0 all came whole, 1 something did not, 2 a flag is wrong.
    """
    from fireside.cli.bench import upload as work

    options = work.UploadOptions(size=megabytes * 1_000_000, json_file=json_file, server_flags=server_flags)
    _run(lambda stack: work.run(options, stack))


def _run(work: Callable[[ExitStack], Coroutine[Any, Any, T]]) -> T:
    try:
        import uvloop
    except ImportError:
        factory = None  # Not made for this platform; the standard loop does the same, slower.
    else:
        factory = uvloop.new_event_loop
    allow_many_connections()
    with ExitStack() as stack, asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work(stack))


def _finish(report: Report, json_file: Path | None, markdown_file: Path | None, html_file: Path | None) -> None:
    from fireside.cli.bench.page import page
    from fireside.cli.bench.report import as_json, markdown

    text = markdown(report)
    click.echo(text, nl=False)
    for file, made in ((json_file, as_json), (markdown_file, markdown), (html_file, page)):
        if file is not None:
            file.write_text(made(report), encoding="utf-8")
    if any(row.errors or row.lost_tokens for row in report.rows):
        raise SystemExit(1)
