"""What flow tests do with an account of one's own: calls as a browser makes them, with the cookies that come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo

from fireside.store import audit_events, sessions
from fireside.store.audit_events import Filter
from tests.accounts import AccountsServer, Person
from tests.callers import METHODS, CallError, caller


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser gets."""

    message: Any
    cookie: str | None
    """The session's token that it is to keep from now on; empty to forget it, None where nothing was said."""

    set_cookie: str = ""


async def browse(url: str, method: str, request: Message, cookie: str = "") -> Answer:
    """A unary call as a browser makes it. AssertionError for an error."""
    described = METHODS[method]
    path = f"{url}/{described.containing_service.full_name}/{method}"
    headers = {"content-type": "application/proto", **({"cookie": f"fireside={cookie}"} if cookie else {})}
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.post(path, data=request.SerializeToString(), headers=headers) as response,
    ):
        body = await response.read()
        assert response.status == 200, body
        raw = response.headers.get("set-cookie", "")
    jar = SimpleCookie(raw)
    return Answer(
        GetMessageClass(described.output_type).FromString(body),
        jar["fireside"].value if "fireside" in jar else None,
        raw,
    )


async def call(person: Person, method: str, request: Message) -> Any:
    """The answer to somebody who has signed in."""
    async with person.caller() as client:
        return await client.unary(method, request)


async def public(server: AccountsServer, method: str, request: Message) -> Any:
    """The answer to somebody who has not signed in."""
    async with server.anybody() as client:
        return await client.unary(method, request)


async def refused(person: Person, method: str, request: Message) -> tuple[str, str]:
    """The code and the reason that a call fails with."""
    with pytest.raises(CallError) as caught:
        await call(person, method, request)
    return caught.value.code, reason(caught.value)


async def publicly_refused(server: AccountsServer, method: str, request: Message) -> tuple[str, str]:
    """The same for somebody who has not signed in."""
    with pytest.raises(CallError) as caught:
        await public(server, method, request)
    return caught.value.code, reason(caught.value)


async def bearer_call(url: str, key: str, method: str, request: Message) -> Any:
    """The answer to a program with a key."""
    async with caller("connect-h2", url, {"authorization": f"Bearer {key}"}) as client:
        return await client.unary(method, request)


async def bearer_refused(url: str, key: str, method: str, request: Message) -> tuple[str, str]:
    """The code and the reason that a program's call fails with."""
    with pytest.raises(CallError) as caught:
        await bearer_call(url, key, method, request)
    return caught.value.code, reason(caught.value)


def reason(error: CallError) -> str:
    """The stable reason of an error."""
    return ErrorInfo.FromString(error.details["google.rpc.ErrorInfo"]).reason


def moved_to(person: Person, token: str) -> Person:
    """The same person with another session."""
    return replace(person, token=token)


async def half_an_hour_later(server: AccountsServer, person: Person) -> None:
    """The person's password was given too long ago."""
    principal = await server.principal(person)
    await server.identity.db.write(lambda tx: sessions.set_fresh(tx, principal.credential, 0))


async def deeds(server: AccountsServer, account_id: str) -> list[str]:
    """What the audit log tells that somebody did, the newest first."""
    found = await server.identity.db.read(lambda tx: audit_events.page(tx, Filter(actor_id=account_id), 100))
    return [event.action for event in found]


async def end_of(stream: AsyncIterator[Any]) -> str:
    """Reads a stream to its end and returns the code of the error that it ends with; empty for none."""
    try:
        async for _ in stream:
            pass
    except CallError as error:
        return error.code
    return ""
