"""The audit log, through the port."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from fireside.core.principal import Principal
from fireside.gen.v1.audit_service_pb2 import ExportAuditEventsRequest, ListAuditEventsRequest
from fireside.identity import audit
from fireside.store.tx import Tx
from tests.accounts import GUEST, HERE, MEMBER, AccountsServer, Person, accounts_server
from tests.admin_calls import call, refused
from tests.callers import CALLERS, CallError


async def fill(server: AccountsServer, person: Person, count: int) -> None:
    actor = Principal(id=person.id, email=person.account.email)

    async def body(tx: Tx) -> None:
        for number in range(count):
            await audit.record(tx, "key.created", actor=actor, origin=HERE, target=(str(number), f"key {number}"))

    await server.identity.db.write(body)


async def export(person: Person, request: ExportAuditEventsRequest, kind: str = "connect-h2") -> list[bytes]:
    async with person.caller(kind) as client:
        return [piece.data async for piece in client.stream("ExportAuditEvents", request)]


async def test_events_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.set_up(), await server.person("Bob")
        await fill(server, bob, 5)
        seen: list[str] = []
        token = ""
        while True:
            request = ListAuditEventsRequest(actor_id=bob.id, page_size=2, page_token=token)
            page = await call(ada, "ListAuditEvents", request)
            seen += [event.target_name for event in page.events]
            token = page.next_page_token
            if not token:
                break
        assert seen == [f"key {number}" for number in (4, 3, 2, 1, 0)]
        (first,) = (await call(ada, "ListAuditEvents", ListAuditEventsRequest(action="setup."))).events
        assert (first.number, first.actor_email, first.succeeded) == (1, "ada@example.org", True)
        assert first.address == "127.0.0.1"
        later = ListAuditEventsRequest(after=Timestamp(seconds=first.time.seconds + 3600))
        assert not (await call(ada, "ListAuditEvents", later)).events
        bad = ListAuditEventsRequest(page_token="x")
        assert await refused(ada, "ListAuditEvents", bad) == ("OUT_OF_RANGE", "PAGE_TOKEN_OUT_OF_RANGE")


@pytest.mark.parametrize("kind", CALLERS)
async def test_the_log_is_exported_as_lines_of_json_oldest_first(tmp_path: Path, kind: str) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        await fill(server, ada, 250)
        pieces = await export(ada, ExportAuditEventsRequest(), kind)
        assert len(pieces) == 3
        assert all(piece.endswith(b"\n") for piece in pieces)
        lines = [json.loads(line) for line in b"".join(pieces).splitlines()]
        assert [line["number"] for line in lines] == list(range(1, 253))
        # That it was exported is told, also in what was exported.
        assert lines[-1]["action"] == "audit.exported"
        assert lines[-1]["actor_email"] == "ada@example.org"
        only = await export(ada, ExportAuditEventsRequest(action="setup."), kind)
        assert [json.loads(line)["action"] for line in b"".join(only).splitlines()] == ["setup.done"]


@pytest.mark.parametrize("role", [MEMBER, GUEST])
async def test_who_may_not_read_the_log_is_refused(tmp_path: Path, role: int) -> None:
    async with accounts_server(tmp_path) as server:
        bob = await server.person("Bob", role)
        assert (await refused(bob, "ListAuditEvents", ListAuditEventsRequest()))[0] == "PERMISSION_DENIED"
        with pytest.raises(CallError) as caught:
            await export(bob, ExportAuditEventsRequest())
        assert caught.value.code == "PERMISSION_DENIED"
