"""Ends the streams of those who may not go on: signed out, closed, run out. What they started is the account's and goes on."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from fireside.core.clock import now_us
from fireside.core.errors import FiresideError, PermissionDeniedError, UnauthenticatedError, UnavailableError
from fireside.identity import policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.core.principal import Principal
    from fireside.edge.access import Authenticator, Incoming
    from fireside.edge.streams import OpenStream, OpenStreams

logger = logging.getLogger(__name__)

_AGAIN_SECONDS: Final = 1.0
_EVERYBODY: Final = ""


class Evictions:
    """Has the credentials of open streams proved again when their accounts change, and when they run out."""

    def __init__(self, streams: OpenStreams, authenticator: Authenticator, clock: Callable[[], int] = now_us) -> None:
        """`clock` gives microseconds since the Unix epoch."""
        self._streams = streams
        self._authenticator = authenticator
        self._clock = clock
        self._accounts: set[str] = set()
        self._stirred = asyncio.Event()
        self._next_us = 0
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins."""
        self._streams.on_enter = self._entered
        self._task = asyncio.create_task(self._watch(), name="end streams that may not go on")

    async def aclose(self) -> None:
        """Ends no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def heard(self, account_id: str) -> None:
        """What an account may do has changed; empty for all accounts."""
        self._accounts.add(account_id)
        self._stirred.set()

    def _entered(self, call: Incoming) -> None:
        expire_us = call.principal.expire_us
        if expire_us and (not self._next_us or expire_us < self._next_us):
            self._stirred.set()

    async def _watch(self) -> None:
        while True:
            self._next_us = self._earliest()
            await self._stir(self._next_us)
            accounts, self._accounts = self._accounts, set()
            try:
                await self._look(accounts)
            except FiresideError as error:
                # The store is away: nobody can be asked, and whoever was signed out could not be told of either.
                logger.info("Whether streams may go on cannot be seen: %s", error)
                self._accounts |= accounts
                await asyncio.sleep(_AGAIN_SECONDS)
                self._stirred.set()

    async def _stir(self, until_us: int) -> None:
        # A little later than the moment, so that it has passed whatever the clock's grain.
        wait = max(0.0, (until_us - self._clock()) / 1e6) + 0.01 if until_us else None
        try:
            async with asyncio.timeout(wait):
                await self._stirred.wait()
        except TimeoutError:
            pass
        self._stirred.clear()

    def _earliest(self) -> int:
        principals = (stream.call.principal for _, stream in self._streams.open_now())
        return min((principal.expire_us for principal in principals if principal.expire_us), default=0)

    async def _look(self, accounts: set[str]) -> None:
        asked: dict[tuple[str, str], Principal | FiresideError] = {}
        for task, stream in self._streams.open_now():
            call = stream.call
            if not self._concerned(call.principal, accounts):
                continue
            credential = call.bearer, call.token
            if credential not in asked:
                asked[credential] = await self._ask(call)
            self._judge(task, stream, asked[credential])

    def _concerned(self, principal: Principal, accounts: set[str]) -> bool:
        if not principal.credential:
            return False
        ran_out = bool(principal.expire_us) and principal.expire_us <= self._clock()
        return ran_out or principal.id in accounts or _EVERYBODY in accounts

    async def _ask(self, call: Incoming) -> Principal | FiresideError:
        try:
            return await self._authenticator.authenticate(call.bearer, call.token, call.origin)
        except UnauthenticatedError as error:
            return error

    def _judge(self, task: asyncio.Task[Any], stream: OpenStream, answer: Principal | FiresideError) -> None:
        if isinstance(answer, FiresideError):
            # One for each: an error that is raised keeps where it was raised.
            self._streams.end(task, UnauthenticatedError(answer.reason, answer.message))
            return
        try:
            policy.require(answer, stream.call.permission)
        except (PermissionDeniedError, UnauthenticatedError) as error:
            self._streams.end(task, error)
            return
        before = stream.call.principal
        if stream.resumable and (before.permissions - answer.permissions or before.groups - answer.groups):
            # It goes on as who it was when it began. Who comes back, comes as who they are now.
            message = "What this account may do has changed: come back and go on from there."
            self._streams.end(task, UnavailableError("ACCOUNT_CHANGED", message, retry_after=0.1))
        else:
            self._streams.proved(task, answer)
