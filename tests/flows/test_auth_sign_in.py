"""Signing in and out, as browsers and programs do, through the port."""

from __future__ import annotations

from pathlib import Path

from fireside.gen.v1.auth_service_pb2 import GetAuthStateRequest, SetUpRequest
from tests.accounts import PASSWORD, accounts_server


async def test_the_first_visitor_makes_the_admin(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server, server.anybody() as client:
        state = await client.unary("GetAuthState", GetAuthStateRequest())
        assert state.needs_set_up
        assert not state.needs_set_up_token
        ada = await server.set_up()
        async with ada.caller() as hers:
            assert (await hers.unary("GetAuthState", GetAuthStateRequest())).account.email == "ada@example.org"
