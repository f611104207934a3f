"""`fireside runners`: lists, adds, tries, removes and orders the runners of a running server. A client of RunnerService.

API keys are read from a file or the standard input, never from an argument, which every user of the machine can see.
"""

from __future__ import annotations

import json
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar, cast

import click

from fireside.cli.flags import ExampleCommand, config_flag, setting_flags
from fireside.cli.over_link import over_link
from fireside.cli.secret_file import read_secret
from fireside.runners.addresses import KINDS
from fireside.settings import CLIENT_SETTINGS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from pathlib import Path

    from fireside.cli.link import Link
    from fireside.gen.v1.model_pb2 import Model
    from fireside.gen.v1.runner_pb2 import Runner, RunnerSpec, RunnerStatus
    from fireside.gen.v1.runner_service_pb2 import PullModelResponse

F = TypeVar("F", bound="Callable[..., object]")

_MARKS = {0: ("?", "white"), 1: ("✓", "green"), 2: ("!", "yellow"), 3: ("✗", "red"), 4: ("·", "white")}
_OK = 1


@click.group()
def runners() -> None:
    """Manage what runs models on a running server.

    Runners that are set up in the server's settings file or environment are listed, and changed there.
    """


def _client(examples: str) -> Callable[[Callable[..., None]], click.Command]:
    """Makes a command with the flags of a client. It gets them as `file` and `flags`."""

    def make(function: Callable[..., None]) -> click.Command:
        flagged = setting_flags(CLIENT_SETTINGS)(config_flag(function))
        return runners.command(function.__name__.rstrip("_"), cls=ExampleCommand, epilog=examples)(flagged)

    return make


_spec_flags = (
    click.argument("name"),
    click.argument("kind", type=click.Choice(KINDS)),
    click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True),
    click.option("--display-name", default="", metavar="TEXT", help="The name to show.  [default: NAME]"),
    click.option("--model", "models", multiple=True, metavar="MODEL", help="Offer only this model; may be repeated."),
    click.option("--fallback", is_flag=True, help="Let the next runner with a model of the same name stand in."),
    click.option(
        "--api-key-file", metavar="PATH", help="File with the API key; - reads the standard input.  [default: no key]"
    ),
)


def _with_spec(function: F) -> F:
    for option in reversed(_spec_flags):
        function = option(function)
    return function


@_client("\nfireside runners list\nfireside runners list --json | jq '.runners[].spec.name'\n")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def list_(file: Path | None, as_json: bool, **flags: str | None) -> None:  # noqa: FBT001  # click passes it by name.
    """List the runners in their order, with how they are.

    Exit codes: 0 listed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(link: Link) -> int:
        from google.protobuf.json_format import MessageToDict

        from fireside.gen.v1.runner_service_pb2 import ListRunnersRequest

        found = await link.runners.list_runners(ListRunnersRequest())
        if as_json:
            click.echo(json.dumps(MessageToDict(found), ensure_ascii=False, indent=2))
        else:
            for runner in found.runners:
                _print(runner)
        return 0

    over_link(file, flags, work)


@_client(
    "\nfireside runners add shed ollama http://shed:11434\n"
    "fireside runners add router openai https://openrouter.ai/api/v1 --api-key-file key.txt\n"
    "fireside runners add farm worker barn:50051 field:50051 --fallback\n"
)
@_with_spec
def add(file: Path | None, **options: str | bool | tuple[str, ...] | None) -> None:
    """Add a runner behind the others, and tell whether it answers.

    Exit codes: 0 added, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """
    spec, secret = _spec(options), _secret(options)

    async def work(link: Link) -> int:
        from fireside.gen.v1.runner_service_pb2 import CreateRunnerRequest

        _print((await link.runners.create_runner(CreateRunnerRequest(spec=spec, secret=secret))).runner)
        return 0

    over_link(file, options, work)


@_client("\nfireside runners test shed ollama http://shed:11434\n")
@_with_spec
def test(file: Path | None, **options: str | bool | tuple[str, ...] | None) -> None:
    """Try to reach a runner from the server, without adding it.

    Exit codes: 0 it answers, 1 it does not or was refused, 2 a flag or setting is wrong, 3 no server.
    """
    spec, secret = _spec(options), _secret(options)

    async def work(link: Link) -> int:
        from fireside.gen.v1.runner_service_pb2 import TestRunnerRequest

        found = await link.runners.test_runner(TestRunnerRequest(spec=spec, secret=secret))
        _print_status(spec.name, found.status, found.models)
        return int(found.status.health != _OK)

    over_link(file, options, work)


@_client("\nfireside runners remove shed\n")
@click.argument("name")
def remove(file: Path | None, name: str, **flags: str | None) -> None:
    """Remove a runner. Answers that it is writing go on to their end.

    Exit codes: 0 removed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(link: Link) -> int:
        from fireside.gen.v1.runner_service_pb2 import DeleteRunnerRequest

        await link.runners.delete_runner(DeleteRunnerRequest(name=name))
        return 0

    over_link(file, flags, work)


@_client("\nfireside runners order shed router local scripted\n")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def order(file: Path | None, names: tuple[str, ...], **flags: str | None) -> None:
    """Put the runners into another order; name all of them.

    Exit codes: 0 done, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(link: Link) -> int:
        from fireside.gen.v1.runner_service_pb2 import OrderRunnersRequest

        for runner in (await link.runners.order_runners(OrderRunnersRequest(names=names))).runners:
            _print(runner)
        return 0

    over_link(file, flags, work)


@_client("\nfireside runners pull shed qwen3:8b\n")
@click.argument("name")
@click.argument("model")
def pull(file: Path | None, name: str, model: str, **flags: str | None) -> None:
    """Let an Ollama download a model, and show how far it is. Ctrl+C stops it; what is there stays.

    Exit codes: 0 the model is there, 1 refused or failed, 2 a flag or setting is wrong, 3 no server, 130 stopped.
    """

    async def work(link: Link) -> int:
        from fireside.gen.v1.runner_service_pb2 import PullModelRequest

        said = ""
        stream = link.runners.pull_model(PullModelRequest(runner=name, model=model))
        async with aclosing(cast("AsyncGenerator[PullModelResponse]", stream)) as reports:
            async for report in reports:
                done = f" {report.completed_bytes / report.total_bytes:4.0%}" if report.total_bytes else ""
                if sys.stdout.isatty() or report.status != said:
                    click.echo(f"{report.status}{done}")
                said = report.status
        return 0

    over_link(file, flags, work)


def _spec(options: Mapping[str, str | bool | tuple[str, ...] | None]) -> RunnerSpec:
    from fireside.gen.v1.runner_pb2 import RunnerSpec
    from fireside.runners.backends import KINDS as NUMBERS

    addresses, models = options["addresses"], options["models"]
    return RunnerSpec(
        name=str(options["name"]),
        kind=NUMBERS[str(options["kind"])],
        addresses=addresses if isinstance(addresses, tuple) else (),
        models=models if isinstance(models, tuple) else (),
        display_name=str(options["display_name"]),
        fallback=bool(options["fallback"]),
    )


def _secret(options: Mapping[str, str | bool | tuple[str, ...] | None]) -> str:
    path = options["api_key_file"]
    return read_secret(path, "The API key") if isinstance(path, str) else ""


def _print(runner: Runner) -> None:
    _print_status(runner.spec.name, runner.status, (), ", ".join(runner.spec.addresses))


def _print_status(name: str, status: RunnerStatus, models: Sequence[Model], where: str = "") -> None:
    mark, colour = _MARKS.get(status.health, _MARKS[0])
    count = f"{status.model_count} model{'' if status.model_count == 1 else 's'}" if status.model_count else ""
    about = ", ".join(part for part in (where, status.version, count) if part)
    click.echo(f"{click.style(mark, fg=colour)} {name:<15} {about}".rstrip())
    if status.message:
        click.echo(f"  {'':<15} {status.message}")
    for model in models:
        click.echo(f"  {'':<15} {model.id}")
