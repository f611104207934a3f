"""`fireside chat`: a question and its answer, or a whole conversation, in a terminal. What is said goes over link.py."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from fireside.cli.failure import INTERRUPTED, CommandError, UsageError, carry_out, settings_of
from fireside.cli.flags import ExampleCommand, config_flag, setting_flags
from fireside.config import ClientConfig, load_client
from fireside.settings import CLIENT_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fireside.cli.talk import Talk
    from fireside.gen.v1.message_pb2 import Message

_EXAMPLES = """
fireside chat "What is a monad?"
fireside chat                                 (a conversation; /help lists its commands)
git diff | fireside chat "Review this:" -
fireside chat --conversation last "And in Haskell?"
fireside chat --attach report.pdf "What does it say about costs?"
fireside chat --collection Manuals "How do I change the battery?"
fireside chat --url https://box.lan:8443 --tls-ca ca.pem --list-models
"""
_HELP = """\
/new           start another conversation
/models        list the models
/model MODEL   use another model from here on
/quit          leave; so does Ctrl+D
Ctrl+C stops an answer."""


@click.command(cls=ExampleCommand, epilog=_EXAMPLES)
@click.argument("question", nargs=-1)
@click.option("--model", default="", metavar="MODEL", help="Model to ask, by its id; --list-models lists them.")
@click.option(
    "--conversation", default="", metavar="ID", help="Conversation to go on with; `last` for the one used last."
)
@click.option(
    "--attach", multiple=True, metavar="PATH",
    help="File, or folder of files, to attach to the first question; may be repeated.",
)  # fmt: skip
@click.option(
    "--collection", "collections", multiple=True, metavar="NAME",
    help="Collection to answer from, by its name or id; may be repeated.",
)  # fmt: skip
@click.option("--list-models", is_flag=True, help="List the models and leave.")
@setting_flags(CLIENT_SETTINGS)
@config_flag
def chat(question: tuple[str, ...], file: Path | None, **options: str | bool | tuple[str, ...] | None) -> None:
    """Ask a running server, in the terminal.

    With a QUESTION it prints the answer and leaves; `-` in it stands for the standard input. Without one it opens a
    conversation, or takes the question from the standard input when that is no terminal. Output that is not a terminal
    gets the answer's text alone. Ctrl+C stops an answer. When the connection is lost, it goes on where it was.

    Exit codes: 0 answered, 1 refused or failed, 2 a flag or setting is wrong, 3 no server, 130 stopped by Ctrl+C.
    """
    flags = {item.name: value for item in CLIENT_SETTINGS if isinstance(value := options[item.name], str)}
    config = settings_of(lambda: load_client(flags, file=file))
    asked = _question(question) if question or not (sys.stdin.isatty() or options["list_models"]) else ""
    carry_out(lambda: _run(config, options, asked))


def _run(config: ClientConfig, options: Mapping[str, str | bool | tuple[str, ...] | None], question: str) -> int:
    """The exit code."""
    with asyncio.Runner() as runner:
        talk = runner.run(_begin(config, str(options["model"])))
        try:
            if options["list_models"]:
                _print_models(runner, talk)
                return 0
            runner.run(_bring(config, talk, options))
            if not question:
                _interactive(runner, talk, str(options["conversation"]))
                return 0
            _resume(runner, talk, str(options["conversation"]))
            answer = _ask(runner, talk, question)
            return INTERRUPTED if answer is None else _exit_code(answer)
        finally:
            runner.run(talk.link.aclose())


def _question(words: tuple[str, ...]) -> str:
    parts = [sys.stdin.read() if word == "-" else word for word in (words or ("-",))]
    # Text from a file stands apart from the words around it.
    joined = ("\n\n" if "-" in words else " ").join(parts).strip()
    if not joined:
        raise UsageError('There is no question. Try: fireside chat "What is a monad?"')
    return joined


async def _begin(config: ClientConfig, model: str) -> Talk:
    from fireside.cli.link import open_link
    from fireside.cli.talk import Talk

    return Talk(open_link(config), model, raw=not sys.stdout.isatty())


async def _bring(config: ClientConfig, talk: Talk, options: Mapping[str, str | bool | tuple[str, ...] | None]) -> None:
    """Raises CommandError."""
    attach, names = options["attach"], options["collections"]
    if not attach and not names:
        return
    from fireside.cli.bringing import collection_parts, file_parts

    if isinstance(names, tuple):
        talk.searched = await collection_parts(talk.link, names)
    if isinstance(attach, tuple):
        talk.attached = await file_parts(talk.link, config, attach)


def _resume(runner: asyncio.Runner, talk: Talk, conversation: str) -> None:
    if conversation:
        title = runner.run(talk.open(conversation))
        if not talk.raw:
            click.echo(click.style(f"[{title}]", dim=True), err=True)


def _print_models(runner: asyncio.Runner, talk: Talk) -> None:
    from fireside.cli.talk import model_lines

    for line in model_lines(runner.run(talk.models())):
        click.echo(line)


def _ask(runner: asyncio.Runner, talk: Talk, question: str) -> Message | None:
    """The answer; None when Ctrl+C came twice and it was left to the server."""
    try:
        return runner.run(talk.ask(question))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return None


def _exit_code(answer: Message) -> int:
    from fireside.gen.v1 import message_pb2

    if answer.finish_reason == message_pb2.FINISH_REASON_STOPPED:
        return INTERRUPTED
    failed = {message_pb2.FINISH_REASON_FAILED, message_pb2.FINISH_REASON_INTERRUPTED}
    return int(answer.finish_reason in failed)


def _interactive(runner: asyncio.Runner, talk: Talk, conversation: str) -> None:
    # Importing it is what gives `input` its history and line editing, where the platform has it.
    with suppress(ImportError):
        import readline  # noqa: F401  # pyright: ignore[reportUnusedImport]

    _print_models(runner, talk)
    _resume(runner, talk, conversation)
    click.echo(click.style("Ask, or /help. Ctrl+C stops an answer, Ctrl+D leaves.", dim=True), err=True)
    while True:
        try:
            line = input("> ").strip()
        except KeyboardInterrupt:
            click.echo()
            continue
        except EOFError:
            click.echo()
            return
        if line.startswith("/"):
            if not _command(runner, talk, line):
                return
        elif line:
            try:
                _ask(runner, talk, line)
            except CommandError as error:
                # The question is still in the history: one key brings it back.
                error.show()


def _command(runner: asyncio.Runner, talk: Talk, line: str) -> bool:
    """Carries out a command; False to leave."""
    name, _, argument = line.partition(" ")
    match name:
        case "/quit" | "/exit":
            return False
        case "/new":
            talk.restart()
        case "/models":
            _print_models(runner, talk)
        case "/model" if argument:
            talk.model = argument.strip()
        case _:
            click.echo(_HELP)
    return True
