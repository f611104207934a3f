"""`fireside bench stream`: prepares upstream, servers and steps, runs them, and hands the rows to the report."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fireside.cli.bench.accounts import first_key
from fireside.cli.bench.dialects import Protocol, Target, chat, target_of
from fireside.cli.bench.load import Load
from fireside.cli.bench.measure import Bench, Moment, Side
from fireside.cli.bench.models import find_model
from fireside.cli.bench.options import SCRIPTED, StreamOptions
from fireside.cli.bench.processes import Watched, own_server, scripted_upstream, watch
from fireside.cli.bench.progress import Progress
from fireside.cli.bench.report import Report, machine, now
from fireside.cli.bench.upstream import model_name
from fireside.cli.failure import UnreachableError, UsageError

if TYPE_CHECKING:
    from contextlib import ExitStack

# How long a person may take to point a server at the upstream, and how long our own server takes to find it.
_PATIENCE_PERSON = 600.0
_PATIENCE_OWN = 30.0
# Answers get so long to end after the last was started, besides what they take by their pace.
_PATIENCE_ANSWERS = 30.0
_WARM_UP = 8


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that runs."""

    options: StreamOptions
    upstream: Target
    upstream_model: str
    upstream_process: Watched | None
    target: Target
    target_process: Watched | None
    ours: bool
    """Whether the target is a server of our own."""

    @property
    def scripted(self) -> bool:
        """Whether tokens are stamps."""
        return self.options.upstream == SCRIPTED

    @property
    def answer_seconds(self) -> float:
        """How long an answer takes by its pace."""
        return self.options.tokens * self.options.pace / 1000 if self.scripted else 0.0


async def run(options: StreamOptions, stack: ExitStack) -> Report:
    """Runs the whole benchmark. Processes and folders end with `stack`. Raises CommandError."""
    about = machine()
    scene = await _signed_in(_scene(options, stack), stack)
    sides = await _sides(scene)
    loads = [_load(scene, size) for size in options.sizes]
    progress = Progress(sum(load.ramp + load.seconds + scene.answer_seconds for load in loads) * len(sides))
    bench = Bench(scene.upstream_process, options.tls_ca, _PATIENCE_ANSWERS + scene.answer_seconds * 2, progress.moment)
    try:
        for side in sides:
            await _warm_up(bench, side)
        for load in loads:
            for side in sides:
                progress.row(await bench.step(side, load, sampled=side.name == _name(scene)))
    except OSError as error:
        raise UnreachableError(f"No connection to a server: {error}") from error
    finally:
        progress.clear()
    return Report(
        "Streaming", _command(options), about, now(), tuple(_notes(scene)), tuple(bench.rows), tuple(bench.samples)
    )


def _scene(options: StreamOptions, stack: ExitStack) -> Scene:
    process, url, model = None, options.upstream, options.upstream_model
    if options.upstream == SCRIPTED:
        model = model_name(options.tokens, options.pace)
        started = stack.enter_context(scripted_upstream([model], options.upstream_port))
        process, url = started.watched, started.url
    elif not model:
        raise UsageError("--upstream with an address needs --upstream-model, the model's name there.")
    upstream = target_of(url)
    if options.target and not options.serve:
        target = target_of(options.target, options.api_key)
        return Scene(
            options, upstream, model, process, target, watch(options.pid, target.host, target.port), ours=False
        )
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fireside-bench-")))
    server = stack.enter_context(own_server(folder, url, list(options.server_flags), accounts=options.accounts))
    return Scene(options, upstream, model, process, target_of(server.url), server.watched, ours=True)


async def _signed_in(scene: Scene, stack: ExitStack) -> Scene:
    if not (scene.ours and scene.options.accounts):
        return scene
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fireside-bench-")))
    url = f"http://{scene.target.authority}"
    return replace(scene, target=replace(scene.target, key=await first_key(url, folder)))


def _name(scene: Scene) -> str:
    return "Fireside" if scene.ours else "target"


async def _sides(scene: Scene) -> list[Side]:
    """The floor, then the target by each protocol, then the peer."""
    options = scene.options
    expected = options.tokens if scene.scripted else 0
    floor = chat(scene.upstream, Protocol.REST, scene.upstream_model, {})
    # The process of the floor is the upstream itself, whose cost is told apart from a server's.
    sides = [Side("floor", scene.upstream, floor, None, expected, scene.scripted)]
    extra = {"store": True} if options.store else {}
    for protocol in options.protocols:
        model = await _model(scene, scene.target, protocol, options.model)
        dialect = chat(scene.target, protocol, model, extra)
        sides.append(Side(_name(scene), scene.target, dialect, scene.target_process, expected, scene.scripted))
    if options.peer:
        peer = target_of(options.peer, options.peer_api_key)
        model = await _model(scene, peer, Protocol.REST, options.peer_model)
        process = watch(options.peer_pid, peer.host, peer.port)
        sides.append(Side("peer", peer, chat(peer, Protocol.REST, model, {}), process, expected, scene.scripted))
    return sides


async def _model(scene: Scene, target: Target, protocol: Protocol, asked: str) -> str:
    if asked:
        return asked
    base = f"http://{scene.upstream.authority}{scene.upstream.base}"

    def waiting() -> None:
        if not (scene.ours and target is scene.target):
            click.echo(
                f"Point the server at {target.authority} to the upstream at {base}: as Fireside's runner,\n"
                f"  OPENAI_API_BASE_URL={base} OPENAI_API_KEY=none fireside serve\n"
                f"or as another server's OpenAI connection. It must offer the model {scene.upstream_model}. Waiting for it.",
                err=True,
            )

    patience = _PATIENCE_OWN if scene.ours and target is scene.target else _PATIENCE_PERSON
    return await find_model(target, protocol, scene.upstream_model, patience, waiting)


def _load(scene: Scene, readers: int) -> Load:
    options = scene.options
    ramp = scene.answer_seconds if readers > 1 else 0.0
    return Load(
        readers, options.duration if options.chats is None else 86400.0, options.chats, ramp, options.leaving / 100
    )


async def _warm_up(bench: Bench, side: Side) -> None:
    """A few answers that do not count: what is done once is not what an answer costs. Told if it fails."""
    quiet = replace(bench, tell=_nothing, rows=[], samples=[])
    row = await quiet.step(side, Load(_WARM_UP, 86400.0, _WARM_UP, 0.0), sampled=False)
    if row.errors:
        raise UnreachableError(f"{side.name} at {side.target.authority} does not answer: {row.error}")


def _nothing(_moment: Moment) -> None:
    pass


def _notes(scene: Scene) -> list[str]:
    options = scene.options
    if scene.scripted:
        pace = f"one every {options.pace} ms" if options.pace else "as fast as they are read"
        notes = [f"Answers of {options.tokens} tokens, {pace}, from the scripted upstream on the same machine."]
        notes.append("Added: from the upstream's sending of a token to its arrival at the reader, for every token.")
    else:
        notes = [f"The upstream is {options.upstream}, model {options.upstream_model}."]
    notes.append(
        "Floor: the same readers at the upstream itself, without a server. Gap: between two messages with tokens. "
        "Each reader asks for its next answer when the last has ended; the first ones are spread over one answer's time."
    )
    if scene.target_process is not None:
        notes.append(
            "CPU and memory: the server's process and its children, start, end and storage of answers included."
        )
    if options.leaving:
        notes.append(f"Of 100 answers {options.leaving} are left by their reader in the middle.")
    if scene.ours and Protocol.REST in options.protocols and not options.store:
        notes.append("By REST answers are not kept as conversations (--store keeps them).")
    return notes


def _command(options: StreamOptions) -> str:
    parts = ["fireside bench stream"]
    if options.target:
        parts.append(f"--target {options.target}")
    if options.peer:
        parts.append(f"--peer {options.peer}")
    parts.append(f"--protocol {options.protocol} --concurrency {options.concurrency}")
    parts.append(f"--duration {options.duration:g}" if options.chats is None else f"--chats {options.chats}")
    parts.append(f"--tokens {options.tokens} --pace {options.pace}" + (" --store" if options.store else ""))
    if options.leaving:
        parts.append(f"--leaving {options.leaving}")
    if options.accounts:
        parts.append("--accounts")
    return " ".join([*parts, *(["--", *options.server_flags] if options.server_flags else [])])
