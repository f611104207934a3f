"""What flow tests of accounts do through the port, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo

from fireside.gen.v1.audit_service_pb2 import ListAuditEventsRequest
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.group_service_pb2 import CreateGroupRequest
from fireside.gen.v1.permission_pb2 import Permission
from tests.accounts import Person
from tests.callers import CallError


async def call(person: Person, method: str, request: Message) -> Any:
    """The answer."""
    async with person.caller() as client:
        return await client.unary(method, request)


async def refused(person: Person, method: str, request: Message) -> tuple[str, str]:
    """The code and the reason that the call fails with."""
    with pytest.raises(CallError) as caught:
        await call(person, method, request)
    return caught.value.code, reason(caught.value)


def reason(error: CallError) -> str:
    """The stable reason of an error."""
    return ErrorInfo.FromString(error.details["google.rpc.ErrorInfo"]).reason


async def end_of(stream: AsyncIterator[Any]) -> str:
    """Reads a stream to its end and returns the code of the error that it ends with; empty for none."""
    try:
        async for _ in stream:
            pass
    except CallError as error:
        return error.code
    return ""


async def actions(admin: Person) -> list[str]:
    """The audit log, the newest first: actions and what they were done to."""
    events = (await call(admin, "ListAuditEvents", ListAuditEventsRequest())).events
    return [f"{event.action} {event.target_name}".strip() for event in events]


async def group(admin: Person, name: str, *permissions: Permission) -> Group:
    """A new group that gives these permissions."""
    request = CreateGroupRequest(group=Group(name=name, permissions=permissions))
    return (await call(admin, "CreateGroup", request)).group
