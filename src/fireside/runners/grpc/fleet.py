"""The addresses of one runner as one: routed, with another tried when one cannot be reached. Knows no service.

What the runners that speak gRPC share. Nothing is sent again once an answer has begun: that is for whoever wraps them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError, Message

from fireside.core.errors import FiresideError
from fireside.runners.grpc.channel import Call, Channels
from fireside.runners.grpc.errors import garbled, is_away
from fireside.runners.router import router_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from fireside.runners.base import BackendOptions
    from fireside.runners.router import Lease

M = TypeVar("M", bound=Message)

_ASK_SECONDS = 10.0
_FAREWELL_SECONDS = 5.0
_NOT_THERE = frozenset(("RUNNER_UNAVAILABLE", "RUNNER_CONNECT_TIMEOUT"))


class Fleet:
    """The addresses and the connections to them."""

    def __init__(
        self,
        options: BackendOptions,
        serves: Callable[[str, str], bool] = lambda _address, _model: True,
    ) -> None:
        """Connects to nothing yet. `serves(address, model)` says whether an address has a model, as far as is known."""
        self._options = options
        self._channels = Channels(options)
        self._router = router_for(options.addresses, serves)
        self._farewells: set[asyncio.Task[None]] = set()

    async def stream(self, model: str, session: str, call: Call, farewell: Call | None = None) -> AsyncGenerator[bytes]:
        """The answers from the address that the router picked. Closing it cancels the call there.

        `farewell` is called there as well when this is closed early, for engines that do not stop by themselves.
        """
        tried: set[str] = set()
        begun = False
        while True:
            with self._router.pick(model, session, tried) as lease:
                tried.add(lease.address)
                try:
                    async with aclosing(self._channels.stream(lease.address, call)) as payloads:
                        async for payload in payloads:
                            if not begun:
                                begun = True
                                lease.succeeded()
                            yield payload
                except FiresideError as error:
                    if self._ended(lease, error, begun=begun, tried=len(tried)):
                        raise
                except (GeneratorExit, asyncio.CancelledError):
                    if farewell is not None:
                        self._say(lease.address, farewell)
                    raise
                else:
                    return

    async def unary(self, model: str, call: Call, kind: type[M]) -> M:
        """The answer, from one address that has the model."""
        tried: set[str] = set()
        while True:
            with self._router.pick(model, "", tried) as lease:
                tried.add(lease.address)
                try:
                    return self.parse(kind, await self._channels.unary(lease.address, call))
                except FiresideError as error:
                    if self._ended(lease, error, begun=False, tried=len(tried)):
                        raise

    async def ask_all(self, call: Call, kind: type[M]) -> dict[str, M | FiresideError]:
        """The answer of each address, or why there is none. Takes a few seconds at most, beside the time to connect."""
        addresses = tuple(dict.fromkeys(self._options.addresses))
        answers = await asyncio.gather(*(self.ask(address, call, kind) for address in addresses))
        return dict(zip(addresses, answers, strict=True))

    async def ask(self, address: str, call: Call, kind: type[M]) -> M | FiresideError:
        """The answer of one address, or why there is none, as `ask_all`."""
        deadline = time.monotonic() + self._options.connect_timeout + _ASK_SECONDS
        try:
            return self.parse(kind, await self._channels.unary(address, dataclasses.replace(call, deadline=deadline)))
        except FiresideError as error:
            return error

    def parse(self, kind: type[M], payload: bytes) -> M:
        """The message. Raises UnavailableError (RUNNER_FAILED)."""
        try:
            return kind.FromString(payload)
        except DecodeError as error:
            raise garbled(self._options.name, error) from error

    async def aclose(self) -> None:
        """Says what is left to say, ends open calls and closes the connections."""
        if self._farewells:
            await asyncio.wait(self._farewells)
        await self._channels.aclose()

    def _say(self, address: str, farewell: Call) -> None:
        """Makes the call in a task: who leaves does not wait for it, and it does not matter whether it succeeds."""
        task = asyncio.create_task(self._farewell(address, farewell), name="farewell")
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)

    async def _farewell(self, address: str, farewell: Call) -> None:
        with suppress(FiresideError):
            last = dataclasses.replace(farewell, deadline=time.monotonic() + _FAREWELL_SECONDS)
            await self._channels.unary(address, last)

    def _ended(self, lease: Lease, error: FiresideError, *, begun: bool, tried: int) -> bool:
        """Whether the error is the caller's: no other address is to be tried. Notes what it says of this one."""
        if is_away(error):
            lease.failed()
        return begun or error.reason not in _NOT_THERE or tried >= len(set(self._options.addresses))
