"""The scripted upstream: a fast OpenAI-compatible server whose tokens are stamps of the time. No model, no HTTP library.

`python -m fireside.cli.bench.upstream PORT MODEL...` serves on a port of this machine (0: a free one) and prints it. A model is called
`t64-p50`: answers of 64 tokens, one every 50 ms; `p0` is as fast as the reader takes them.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import re
import sys
import time
from dataclasses import dataclass
from typing import cast

from fireside.cli.bench.tally import stamp

_MODEL = re.compile(r"t(\d{1,8})-p(\d{1,6})")
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
# Without a pace, so many events go out in one write, and so many bytes may wait.
_BATCH = 64
_WAITING_BYTES = 256 * 1024
# An engine computes a step of all its answers at once, so tokens of different answers come together. In seconds.
_STEP = 0.005


@dataclass(frozen=True, slots=True)
class Script:
    """What a model does."""

    tokens: int
    pace: float
    """Seconds from one token to the next; 0 for none."""


def script_of(model: str) -> Script | None:
    """What the name says, or None if it says nothing."""
    found = _MODEL.search(model)
    return Script(int(found[1]), int(found[2]) / 1000) if found else None


def model_name(tokens: int, pace_ms: int) -> str:
    """The name of a model that writes so many tokens at such a pace."""
    return f"t{tokens}-p{pace_ms}"


def _chunk(event: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(event), event)


def _event(delta: str, finish: str, usage: str = "") -> bytes:
    return (
        b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"bench","choices":[{"index":0,'
        b'"delta":' + delta.encode() + b',"finish_reason":' + finish.encode() + b"}]" + usage.encode() + b"}\n\n"
    )


_MARK = b"@@@@@@@@"
_BEFORE, _AFTER = _chunk(_event('{"content":"' + _MARK.decode() + '"}', "null")).split(_MARK)
_ROLE = _chunk(_event('{"role":"assistant","content":""}', "null"))


def _ending(tokens: int) -> bytes:
    usage = f'"usage":{{"prompt_tokens":5,"completion_tokens":{tokens},"total_tokens":{tokens + 5}}}'
    last = f'data: {{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"bench","choices":[],{usage}}}'
    events = (_event("{}", '"stop"'), f"{last}\n\n".encode(), b"data: [DONE]\n\n")
    return b"".join(_chunk(event) for event in events) + b"0\r\n\r\n"


class Ticker:
    """Wakes the answers that have a pace. One timer for all of them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[float, int, Connection]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0

    def at(self, when: float, connection: Connection) -> None:
        """Calls `connection.tick` at `when`, in seconds of the loop's clock, or with the next step after it."""
        when = -(-when // _STEP) * _STEP
        heapq.heappush(self._due, (when, next(self._order), connection))
        self._arm()

    def _arm(self) -> None:
        if not self._due or (self._timer is not None and self._at <= self._due[0][0]):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._at = self._due[0][0]
        self._timer = self._loop.call_at(self._at, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2].tick(now)
        self._arm()


class Connection(asyncio.Protocol):
    """One client: requests one after the other."""

    def __init__(self, models: tuple[str, ...], ticker: Ticker) -> None:
        self._models = models
        self._ticker = ticker
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._script: Script | None = None
        self._begin = 0.0
        self._sent = 0
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class does not derive from it
        self._transport.set_write_buffer_limits(high=_WAITING_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends what is being written."""
        _ = exc
        self._script = self._transport = None

    def pause_writing(self) -> None:
        """The client does not read as fast as this writes."""
        self._paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._paused = False
        if self._script is not None and not self._script.pace:
            self._burst()

    def data_received(self, data: bytes) -> None:
        """Takes a request when all of it has come."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        found = re.search(rb"\r\ncontent-length: *(\d+)", head)
        length = int(found[1]) if found else 0
        if len(self._buffer) < end + 4 + length:
            return
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        if head.startswith(b"post ") and b"/chat/completions" in head.split(b"\r\n", 1)[0]:
            self._complete(json.loads(body))
        else:
            self._list()

    def _list(self) -> None:
        rows = [{"id": model, "object": "model", "created": 1, "owned_by": "bench"} for model in self._models]
        self._reply("200 OK", {"object": "list", "data": rows})

    def _complete(self, asked: dict[str, object]) -> None:
        script = script_of(str(asked.get("model", "")))
        if script is None:
            self._reply("404 Not Found", {"error": {"message": "no such model", "type": "invalid_request_error"}})
        elif not asked.get("stream"):
            message = {"role": "assistant", "content": "A fire."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
            about = {"id": "chatcmpl-bench", "object": "chat.completion", "created": 1, "model": "bench"}
            self._reply("200 OK", {**about, "choices": [choice], "usage": usage})
        else:
            self._script, self._sent, self._begin = script, 0, self._ticker_now()
            self._write(_HEAD + _ROLE)
            if script.pace:
                self.tick(self._begin)
            else:
                self._burst()

    def _reply(self, status: str, value: object) -> None:
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._write(head.encode() + body)

    @staticmethod
    def _ticker_now() -> float:
        return asyncio.get_running_loop().time()

    def tick(self, now: float) -> None:
        """Writes the tokens that are due, and asks to be woken for the next one."""
        script = self._script
        if script is None or self._transport is None:
            return
        due = min(script.tokens, int((now - self._begin) / script.pace + 1e-6) + 1)
        if due > self._sent:
            token = _BEFORE + stamp(time.monotonic()) + _AFTER
            self._write(token * (due - self._sent))
            self._sent = due
        if self._sent >= script.tokens:
            self._end(script)
        else:
            self._ticker.at(self._begin + self._sent * script.pace, self)

    def _burst(self) -> None:
        script = self._script
        while script is not None and not self._paused and self._transport is not None:
            count = min(_BATCH, script.tokens - self._sent)
            if not count:
                self._end(script)
                return
            self._write((_BEFORE + stamp(time.monotonic()) + _AFTER) * count)
            self._sent += count

    def _end(self, script: Script) -> None:
        self._script = None
        self._write(_ending(script.tokens))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


async def serve(port: int, models: tuple[str, ...]) -> None:
    """Serves until it is cancelled; prints the port."""
    ticker = Ticker()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(models, ticker), "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Runs it as a program of its own, on uvloop where there is one."""
    work = serve(int(sys.argv[1]), tuple(sys.argv[2:]))
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


if __name__ == "__main__":
    main()
