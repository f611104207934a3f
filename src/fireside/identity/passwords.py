"""Password hashes: Argon2id, in a few threads of their own, so that the event loop never waits for one."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from fireside.core.errors import ResourceExhaustedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

# What OWASP recommends as the least: 19 MiB, two passes. About 20 ms of a core.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_THREADS = max(1, (os.cpu_count() or 1) // 2)
# Each that waits takes about 20 ms of a thread: whoever comes later would wait a second.
_QUEUE: Final = 64


def _stand_back() -> None:
    """Lets everything else of the server go first: who guesses a thousand passwords shall not slow those who chat."""
    if hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


class Passwords:
    """Hashes and verifies. What is tried faster than that can be done is refused: sign-ins must not starve answers."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="fireside-argon2", initializer=_stand_back)
        self._waiting = 0
        # Of a password that nobody knows. Made when it is first needed.
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        """The hash to store. ResourceExhaustedError: too many wait already."""
        return await self._run(lambda: _HASHER.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether it is the password. Takes as long when there is none. ResourceExhaustedError: too many wait already."""
        return await self._run(lambda: self._verify(stored, password))

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _verify(self, stored: str | None, password: str) -> bool:
        if not self._nobodys:
            self._nobodys = _HASHER.hash(base64.b64encode(os.urandom(16)))
        try:
            _HASHER.verify(stored or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= _QUEUE:
            raise ResourceExhaustedError("BUSY_SIGNING_IN", "Too many people sign in at this moment; try again.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1
