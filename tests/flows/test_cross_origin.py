"""Pages of other sites, through the port: refused, or let in with an API key alone; and what every answer says besides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.gen.v1.account_service_pb2 import CreateApiKeyRequest, ListSessionsRequest
from tests.accounts import AccountsServer, Person, accounts_server
from tests.http_calls import http, rpc

PAGE = "https://app.example.org"
FOREIGN = {"origin": PAGE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
ASKED = {**FOREIGN, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
PROGRAM_PATHS = ["/fireside.v1.ModelService/ListModels", "/v1/models", "/v1/chat/completions"]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path, cors_origins=PAGE) as server:
        yield server


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as server:
        yield server


async def key_of(person: Person) -> dict[str, str]:
    async with person.caller() as client:
        made = await client.unary("CreateApiKey", CreateApiKeyRequest(name="page"))
    return {"authorization": f"Bearer {made.secret}"}


@pytest.mark.parametrize("path", [*PROGRAM_PATHS, "/", "/healthz"])
async def test_by_default_no_other_page_gets_anything(closed: AccountsServer, path: str) -> None:
    person = await closed.person("Ann")
    key = await key_of(person)
    for method, headers in (
        ("OPTIONS", ASKED),
        ("POST", {**FOREIGN, **person.headers}),
        ("POST", {**FOREIGN, **key}),
        # A picture or a script: there is no Origin.
        ("GET", {**person.headers, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}),
        ("GET", {**person.headers, "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}),
    ):
        answer = await http(closed.url, method, path, headers)
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers


async def test_a_link_from_another_site_opens_the_app(closed: AccountsServer) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert (await http(closed.url, "GET", "/c/1", {**headers, "accept": "text/html"})).status in {200, 503}
    assert (await http(closed.url, "GET", "/c/1", {**headers, "sec-fetch-dest": "iframe"})).status == 403


@pytest.mark.parametrize("path", PROGRAM_PATHS)
async def test_a_named_page_may_ask_what_it_may_send(opened: AccountsServer, path: str) -> None:
    answer = await http(opened.url, "OPTIONS", path, ASKED)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-max-age"] == "7200"
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_named_page_gets_in_with_a_key_alone(opened: AccountsServer) -> None:
    person = await opened.person("Ann")
    key = await key_of(person)
    for headers, rpc_status, rest_status in (
        ({**FOREIGN, **key}, 200, 200),
        ({**FOREIGN, **person.headers}, 401, 401),
        (FOREIGN, 401, 401),
    ):
        called = await rpc(opened.url, "ModelService", "ListModels", {}, headers)
        listed = await http(opened.url, "GET", "/v1/models", headers)
        assert (called.status, listed.status) == (rpc_status, rest_status)
        for answer in (called, listed):  # the page can read why it failed, too
            assert answer.headers["access-control-allow-origin"] == PAGE
            assert "grpc-status" in answer.headers["access-control-expose-headers"]
            assert "origin" in answer.headers["vary"]


async def test_a_named_page_cannot_act_as_who_is_signed_in_however_it_calls(opened: AccountsServer) -> None:
    person = await opened.person("Ann")
    for headers in (
        {**FOREIGN, **person.headers},
        {**FOREIGN, **person.headers, "authorization": "Bearer fsk_" + "x" * 43},
        # An older browser sends Origin only.
        {"origin": PAGE, **person.headers},
    ):
        answer = await rpc(opened.url, "AccountService", "ListSessions", {}, headers)
        assert answer.status == 401
    async with person.caller() as client:  # and is still signed in
        assert (await client.unary("ListSessions", ListSessionsRequest())).sessions


@pytest.mark.parametrize("path", ["/", "/healthz", "/c/1"])
async def test_a_named_page_gets_nothing_that_is_for_people(opened: AccountsServer, path: str) -> None:
    assert (await http(opened.url, "GET", path, FOREIGN)).status == 403


async def test_answers_of_calls_are_neither_sniffed_nor_stored(closed: AccountsServer) -> None:
    person = await closed.person("Ann")
    answers = [
        await rpc(closed.url, "ModelService", "ListModels", {}, person.headers),
        await rpc(closed.url, "ModelService", "ListModels", {}),
        await http(closed.url, "GET", "/v1/models", person.headers),
        await http(closed.url, "GET", "/v1/models"),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers
