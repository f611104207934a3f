"""A backend behind HTTP: one warm pool of connections, and its troubles as errors for a person. Not a protocol.

The adapters for OpenAI's and Ollama's protocols are made of this and a reader of bytes. There is no limit on the whole
of an answer here, nor on the time between tokens: whoever manages the runner knows those.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

from fireside import __version__
from fireside.core.errors import UnavailableError
from fireside.gen.v1 import model_pb2
from fireside.runners.base import RunnerInfo
from fireside.runners.http.framing import BrokenHttpError
from fireside.runners.http.stream import LostConnectionError, Origin, Pool, SlowConnectionError, StreamLimits
from fireside.runners.reach import ForbiddenAddressError
from fireside.runners.refusals import died, garbage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from fireside.core.errors import FiresideError
    from fireside.runners.base import BackendOptions
    from fireside.runners.http.stream import StreamedResponse

_Item = TypeVar("_Item", covariant=True)  # noqa: PLC0105 - private to this file.
_Read = TypeVar("_Read")

_WHOLE_ANSWER = 30.0
# How long the end of a response may lag behind the end of the answer for its connection to be used again.
_TAIL = 0.25
_LARGEST_BODY = 64 << 20
_LARGEST_REFUSAL = 64 << 10


class Reader(Protocol[_Item]):
    """Turns the bytes of an answer into what they mean, such as deltas."""

    ended: bool

    def feed(self, data: bytes) -> Iterable[_Item]:
        """The items of what has arrived. Going through them raises FiresideError."""
        ...

    def finish(self) -> Iterable[_Item]:
        """The items that are left at the end of the bytes. Going through them raises FiresideError."""
        ...


class Endpoint:
    """One backend: its base URL, its secret, and the connections to it, opened when first needed."""

    def __init__(self, options: BackendOptions, base: str) -> None:
        """`base` is a URL without a slash at its end."""
        self._name = options.name
        self._base = base
        self._secret = options.secret
        self._connect_timeout = options.connect_timeout
        self._reach = options.reach
        self._pool: Pool | None = None

    async def post(self, path: str, body: bytes) -> StreamedResponse:
        """Sends `body`, JSON, and returns the response with its body unread. Close it.

        Raises UnavailableError: RUNNER_CONNECT_TIMEOUT, RUNNER_UNAVAILABLE, RUNNER_DIED, RUNNER_FAILED.
        """
        return await self._request("POST", path, body)

    async def call(self, path: str, body: bytes | None = None, limit: float = _WHOLE_ANSWER) -> tuple[int, bytes]:
        """The status and body of a short exchange, a GET without `body`; `limit` is in seconds, on top of connecting.

        Raises UnavailableError, as `post`, and RUNNER_UNAVAILABLE when it takes longer.
        """
        try:
            async with asyncio.timeout(self._connect_timeout + limit):
                response = await self._request("GET" if body is None else "POST", path, body)
                try:
                    return response.status, await self.body(response)
                finally:
                    response.close()
        except TimeoutError:
            message = f"{self._place} took the connection but does not answer."
            raise UnavailableError("RUNNER_UNAVAILABLE", message) from None

    async def body(self, response: StreamedResponse) -> bytes:
        """The whole body, with the secret blotted out should the server repeat it.

        A refusal is cut after 64 KiB. Raises UnavailableError: RUNNER_DIED, and RUNNER_FAILED for one that is too large.
        """
        pieces: list[bytes] = []
        size = 0
        largest = _LARGEST_BODY if response.status == HTTPStatus.OK else _LARGEST_REFUSAL
        while (data := await self._read(response)) and size <= largest:
            pieces.append(data)
            size += len(data)
        if size > _LARGEST_BODY:
            raise garbage("it is too large")
        if response.status in range(300, 400):
            return f"it points to {response.headers.get('location', 'nowhere')}".encode()
        whole = b"".join(pieces)
        return whole.replace(self._secret.encode(), b"***") if self._secret else whole

    async def items(self, response: StreamedResponse, reader: Reader[_Read]) -> AsyncGenerator[_Read]:
        """What `reader` makes of the response as it arrives. Leaving closes the connection at once.

        After a whole answer the connection goes back into the pool.
        """
        try:
            while not reader.ended:
                data = await self._read(response)
                for item in reader.feed(data) if data else reader.finish():
                    yield item
                if not data:
                    return
            await self._to_the_end(response)
        finally:
            response.close()

    async def aclose(self) -> None:
        """Closes the connections, those in use too."""
        if self._pool is not None:
            self._pool.close()

    async def _request(self, method: str, path: str, body: bytes | None) -> StreamedResponse:
        try:
            return await self._open().request(method, path, body)
        except (OSError, ValueError) as error:
            raise self._unreachable(error) from error

    @staticmethod
    async def _read(response: StreamedResponse) -> bytes:
        try:
            return await response.read()
        except ConnectionError as error:
            raise died() from error

    @staticmethod
    async def _to_the_end(response: StreamedResponse) -> None:
        """A response that is read to its end leaves its connection to the next request."""
        try:
            async with asyncio.timeout(_TAIL):
                await response.whole()
        except (TimeoutError, ConnectionError):
            # It goes without: `close` follows.
            return

    def _open(self) -> Pool:
        """The connections. ValueError: the address is not a URL."""
        if self._pool is None:
            headers = {"user-agent": f"Fireside/{__version__}", "accept": "*/*", "accept-encoding": "identity"}
            headers["content-type"] = "application/json"
            if self._secret:
                headers["authorization"] = f"Bearer {self._secret}"
            limits = StreamLimits(connect=self._connect_timeout)
            self._pool = Pool(Origin.of(self._base), headers, limits, self._reach)
        return self._pool

    @property
    def _place(self) -> str:
        parts = urlsplit(self._base)
        return f"The runner {self._name} ({parts.hostname}{f':{parts.port}' if parts.port else ''})"

    def _unreachable(self, error: Exception) -> UnavailableError:
        place = self._place
        match error:
            case ForbiddenAddressError():
                return UnavailableError(
                    "RUNNER_UNAVAILABLE",
                    f"{place} was not connected to, because its address is {error}. Use another one.",
                )
            case SlowConnectionError():
                return UnavailableError(
                    "RUNNER_CONNECT_TIMEOUT",
                    f"{place} could not be connected to within {self._connect_timeout:g} s. Is it running, and is the address right?",
                )
            case ssl.SSLError():
                return UnavailableError(
                    "RUNNER_UNAVAILABLE", f"{place} does not offer TLS that this machine trusts ({_first_line(error)})."
                )
            case BrokenHttpError():
                return UnavailableError("RUNNER_FAILED", f"{place} does not speak HTTP there ({_first_line(error)}).")
            case LostConnectionError():
                return UnavailableError("RUNNER_DIED", f"{place} broke the connection before it answered. Try again.")
            case OSError():
                return UnavailableError(
                    "RUNNER_UNAVAILABLE",
                    f"{place} cannot be reached ({_first_line(error)}). Is it running, and is the address right?",
                )
            case _:
                return UnavailableError("RUNNER_UNAVAILABLE", f"{place} has an address that is not a URL.")


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip().partition("\n")[0] or type(error).__name__


def base_url(address: str, ends: Sequence[str] = ()) -> str:
    """The address without a slash at its end, nor one of `ends` (paths that people paste with it)."""
    base = address.strip().rstrip("/")
    for end in ends:
        base = base.removesuffix(end).rstrip("/")
    return base


def has_version(base: str) -> bool:
    """Whether a part of the URL's path is a version, such as `v1` or `v1beta`."""
    return any(re.fullmatch(r"v\d+\w*", part) for part in urlsplit(base).path.split("/"))


def away(error: FiresideError, models: Iterable[model_pb2.Model]) -> RunnerInfo:
    """The info of a backend that does not answer: `models`, which it had or is said to have, with the reason."""
    shown: list[model_pb2.Model] = []
    for model in models:
        copy = model_pb2.Model()
        copy.CopyFrom(model)
        copy.state = model_pb2.MODEL_STATE_UNAVAILABLE
        copy.state_message = error.message
        copy.loaded = False
        shown.append(copy)
    return RunnerInfo(tuple(shown), hint=error.message, problem=error.message)
