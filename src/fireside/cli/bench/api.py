"""`fireside bench api`: single calls instead of streamed answers, measured with the same readers."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fireside.cli.bench.accounts import first_key
from fireside.cli.bench.dialects import Protocol, target_of, unary_calls
from fireside.cli.bench.load import Load
from fireside.cli.bench.measure import Bench, Side
from fireside.cli.bench.processes import own_server, scripted_upstream, watch
from fireside.cli.bench.progress import Progress
from fireside.cli.bench.report import Report, machine, now
from fireside.cli.failure import UnreachableError

if TYPE_CHECKING:
    from contextlib import ExitStack

    from fireside.cli.bench.dialects import Target
    from fireside.cli.bench.options import ApiOptions
    from fireside.cli.bench.processes import Watched

_PATIENCE = 30.0


async def run(options: ApiOptions, stack: ExitStack) -> Report:
    """Runs the whole benchmark. Processes and folders end with `stack`. Raises CommandError."""
    about = machine()
    upstream = stack.enter_context(scripted_upstream(["t1-p0"]))
    floor = target_of(upstream.url)
    if options.target:
        name, target = "target", target_of(options.target, options.api_key)
        process = watch(options.pid, target.host, target.port)
    else:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fireside-bench-")))
        server = stack.enter_context(own_server(folder, upstream.url, list(options.server_flags)))
        name, target, process = "Fireside", target_of(server.url), server.watched
    guarded = await _guarded(options, stack, upstream.url)
    sides = _sides("floor", floor, Protocol.REST, None)
    for protocol in options.protocols:
        sides += _sides(name, target, protocol, process)
        if guarded is not None:
            sides += _sides("with accounts", guarded[0], protocol, guarded[1])
    if options.peer:
        peer = target_of(options.peer, options.peer_api_key)
        sides += _sides("peer", peer, Protocol.REST, watch(options.peer_pid, peer.host, peer.port))
    loads = [Load(size, options.duration, None, 0.0) for size in options.sizes]
    progress = Progress(options.duration * len(loads) * len(sides))
    bench = Bench(upstream.watched, options.tls_ca, _PATIENCE, progress.moment)
    try:
        for load in loads:
            for side in sides:
                # The first calls find everything cold.
                await replace(bench, rows=[], samples=[]).step(side, Load(1, 1.0, 20, 0.0), sampled=False)
                progress.row(await bench.step(side, load, sampled=side.name == name))
    except OSError as error:
        raise UnreachableError(f"No connection to a server: {error}") from error
    finally:
        progress.clear()
    notes = (
        "Every call counts as one token: tokens/s are calls a second, TTFT is the time of a call.",
        "Floor: a bare server that answers with a list of one model.",
    )
    accounts = " --accounts" if options.accounts else ""
    command = f"fireside bench api --protocol {options.protocol} --concurrency {options.concurrency}{accounts}"
    return Report("Single calls", command, about, now(), notes, tuple(bench.rows), tuple(bench.samples))


async def _guarded(options: ApiOptions, stack: ExitStack, upstream: str) -> tuple[Target, Watched] | None:
    """A second server, with accounts, beside the one without."""
    if not options.accounts:
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fireside-bench-")))
    server = stack.enter_context(own_server(folder, upstream, list(options.server_flags), accounts=True))
    return target_of(server.url, await first_key(server.url, folder)), server.watched


def _sides(name: str, target: Target, protocol: Protocol, process: Watched | None) -> list[Side]:
    calls = unary_calls(target, protocol)
    return [Side(f"{name}, {call}", target, dialect, process, 1, stamped=False) for call, dialect in calls.items()]
