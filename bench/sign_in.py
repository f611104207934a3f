"""What signing in costs, and what others notice of somebody who tries 1,000 wrong passwords.

`python -m bench.sign_in` starts a server with accounts on a scripted upstream, lets 20 people chat with it, first in
peace, then while one address guesses, then while 1,000 addresses do. The figures in docs/performance.md come from here.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import uvloop

from fireside.cli.bench.accounts import first_key
from fireside.cli.bench.dialects import Protocol, chat, target_of
from fireside.cli.bench.figures import Row
from fireside.cli.bench.load import Load
from fireside.cli.bench.measure import Bench, Side
from fireside.cli.bench.models import find_model
from fireside.cli.bench.processes import Watched, own_server, scripted_upstream
from fireside.cli.bench.upstream import model_name

READERS = 20
SECONDS = 10.0
GUESSES = 1000
AT_ONCE = 50
TOKENS, PACE = 64, 20
# On Linux all of 127.0.0.0/8 is this machine, so a proxy can have an address of its own.
PROXY = "127.0.0.2"


async def post(port: int, path: str, body: dict[str, str], address: str) -> int:
    """The status of a call with JSON, as if it came through a proxy from `address`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(PROXY, 0))
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-forwarded-for: {address}\r\n"
        f"connection: close\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    writer.write(head.encode() + data)
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1])


async def guess(port: int, addresses: int) -> Counter[int]:
    """GUESSES wrong passwords, AT_ONCE at a time; how often each status came."""
    statuses: Counter[int] = Counter()
    left = iter(range(GUESSES))

    async def one() -> None:
        for number in left:
            source = number % addresses
            body = {"email": "bench@localhost", "password": f"wrong password {number}"}
            address = f"198.51.{source // 250}.{source % 250 + 1}"
            statuses[await post(port, "/fireside.v1.AuthService/SignIn", body, address)] += 1

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    return statuses


async def sign_in_cost(port: int, server: Watched) -> None:
    """CPU of a right sign-in, one after the other."""
    before, begin = server.cpu(), time.monotonic()
    body = {"email": "bench@localhost", "password": "for this benchmark alone"}
    for _ in range(20):
        assert await post(port, "/fireside.v1.AuthService/SignIn", body, "198.51.250.250") == 200
    spent = (server.cpu() - before) / 20 * 1000
    print(f"a sign-in: {spent:.1f} ms of CPU, {(time.monotonic() - begin) / 20 * 1000:.1f} ms")


def set_up_token(folder: Path) -> str:
    """Behind a proxy the server does not take anybody for being on its own machine, and prints a link."""
    found = re.search(r"/setup#(\S+)", (folder / "server.log").read_text())
    assert found, "the server printed no set-up link"
    return found[1]


def tell(what: str, row: Row) -> None:
    print(
        f"{what}: first token p50 {row.ttft.p50:.1f} p99 {row.ttft.p99:.1f} ms, added to a token p99 {row.added.p99:.1f}"
        f" ms, {row.tokens_per_second:.0f} tokens/s, {row.errors} errors"
    )


async def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(scripted_upstream([model_name(TOKENS, PACE)]))
        flags = ["--trusted-proxies", PROXY]
        server = stack.enter_context(own_server(folder, upstream.url, flags, accounts=True))
        target = target_of(server.url)
        target = replace(target, key=await first_key(server.url, folder, set_up_token(folder)))
        model = await find_model(target, Protocol.CONNECT, model_name(TOKENS, PACE), 30.0, lambda: None)
        side = Side(
            "20 readers", target, chat(target, Protocol.CONNECT, model, {}), server.watched, TOKENS, stamped=True
        )
        bench = Bench(upstream.watched, None, 30.0, lambda _: None)
        load = Load(READERS, SECONDS, None, 0.5)
        await sign_in_cost(target.port, server.watched)
        await bench.step(side, load, sampled=False)
        tell("in peace", bench.rows[-1])
        for addresses in (1, GUESSES):
            guessing = asyncio.create_task(guess(target.port, addresses))
            begin = time.monotonic()
            guessing.add_done_callback(lambda _, b=begin: print(f"  guessed for {time.monotonic() - b:.1f} s"))
            await bench.step(side, load, sampled=False)
            tell(f"beside {GUESSES} guesses from {addresses} addresses, {dict(await guessing)}", bench.rows[-1])


if __name__ == "__main__":
    uvloop.run(main())
