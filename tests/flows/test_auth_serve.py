"""`fireside serve` with accounts: the first start, TLS, several processes and servers on one store."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from fireside.gen.v1.auth_service_pb2 import GetAuthStateRequest, SignOutRequest
from fireside.gen.v1.chat_service_pb2 import GenerateRequest
from fireside.gen.v1.conversation_service_pb2 import ListConversationsRequest
from tests.callers import Caller, CallError, caller
from tests.processes import caller_of, children
from tests.rig import send
from tests.server_process import ServerProcess, fireside, server_process

PASSWORD = "correct horse battery staple"
EVERYWHERE = str(ipaddress.IPv4Address(0))
ADA = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}
ACCOUNTS = ("--single-user", "false")
WAIT = 60.0
# A note takes a few milliseconds; without it, the other process looks every second.
AT_ONCE = 1.5


def test_a_server_with_one_account_is_for_its_own_machine(tmp_path: Path) -> None:
    code, out, err = fireside(tmp_path, "serve", "--single-user", "--host", EVERYWHERE, "--port", "0")
    assert (code, out) == (2, "")
    assert "single_user = 'true' (flag --single-user)" in err
    assert "127.0.0.1" in err


def test_a_first_start_on_loopback_says_who_will_be_admin(tmp_path: Path) -> None:
    with server_process(tmp_path, *ACCOUNTS) as server:
        code, out, err = server.end()
    assert (code, err) == (0, "")
    assert server.url in out
    assert "whoever opens this address first makes the admin's" in out


async def post(session: aiohttp.ClientSession, method: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    async with session.post(f"/fireside.v1.AuthService/{method}", json=body) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_others_need_the_link_that_the_start_printed(tmp_path: Path, workers: str) -> None:
    with server_process(tmp_path, *ACCOUNTS, "--host", EVERYWHERE, "--workers", workers) as server:
        assert server.process.stdout is not None
        lines = [server.process.stdout.readline() for _ in range(2)]
        found = re.search(r"/setup#(\S+)", "".join(lines))
        assert found is not None
        token = found[1]
        async with aiohttp.ClientSession(server.url) as session:
            assert (await post(session, "GetAuthState", {}))[1]["needsSetUpToken"]
            for wrong in ("", "fsl_made-up"):
                status, answer = await post(session, "SetUp", {**ADA, "token": wrong})
                assert (status, answer["code"]) == (403, "permission_denied")
        # Each connection may be another process's: the link holds in all.
        async with aiohttp.ClientSession(server.url) as session:
            assert (await post(session, "SetUp", {**ADA, "token": token}))[0] == 200
        async with aiohttp.ClientSession(server.url) as session:
            status, answer = await post(session, "SetUp", {**ADA, "token": token})
            assert (status, answer["code"]) == (400, "failed_precondition")
        _, _, err = server.end()
        assert token not in err
    with server_process(tmp_path, *ACCOUNTS, "--host", EVERYWHERE) as server:
        _, out, _ = server.end()
        assert "/setup" not in out


async def test_the_cookie_over_tls_is_for_tls_and_this_host_alone(tmp_path: Path) -> None:
    with server_process(tmp_path, *ACCOUNTS, "--tls", "auto") as server:
        context = ssl.create_default_context(cafile=str(tmp_path / "data" / "tls" / "ca.pem"))
        connector = aiohttp.TCPConnector(ssl=context)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(server.url, connector=connector, cookie_jar=jar) as session:
            async with session.post("/fireside.v1.AuthService/SetUp", json=ADA) as response:
                assert response.status == 200
                (cookie,) = response.cookies.values()
            assert cookie.key == "__Host-fireside"
            assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
            assert (cookie["path"], cookie["domain"]) == ("/", "")
            assert (await post(session, "GetAuthState", {}))[1]["account"]["name"] == "Ada"
            # A page of plain HTTP on this host could set the other cookie.
            headers = {"cookie": f"fireside={cookie.value}"}
        async with aiohttp.ClientSession(
            server.url, headers=headers, connector=aiohttp.TCPConnector(ssl=context)
        ) as plain:
            assert "account" not in (await post(plain, "GetAuthState", {}))[1]


@asynccontextmanager
async def two_processes(folder: Path, postgres: str) -> AsyncIterator[tuple[Caller, Caller]]:
    """Two processes on one store: a client of each with the admin's one session."""
    async with AsyncExitStack() as stack:
        if not postgres:
            server = stack.enter_context(server_process(folder, *ACCOUNTS, "--workers", "2"))
            headers = await set_up(server.url)
            pids = children(server.process.pid)
            one, two = [await stack.enter_async_context(caller_of(server.url, pid, pids, headers)) for pid in pids]
            yield one, two
            return
        servers: list[ServerProcess] = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            flags = (*ACCOUNTS, "--database-url", postgres)
            servers.append(stack.enter_context(server_process(folder / name, *flags)))
        headers = await set_up(servers[0].url)
        one, two = [await stack.enter_async_context(caller("grpcio", server.url, headers)) for server in servers]
        yield one, two


async def set_up(url: str) -> dict[str, str]:
    """Makes the admin, and returns the headers of their session."""
    async with (
        aiohttp.ClientSession(url) as session,
        session.post("/fireside.v1.AuthService/SetUp", json=ADA) as response,
    ):
        assert response.status == 200
        (cookie,) = response.cookies.values()
        return {"cookie": f"{cookie.key}={cookie.value}"}


async def to_the_end(answers: AsyncIterator[Any]) -> None:
    async for _ in answers:
        pass


@pytest.fixture(params=["workers", "servers"])
def url_of_two(request: pytest.FixtureRequest) -> str:
    """The database of two servers; empty for two workers of one."""
    return "" if request.param == "workers" else request.getfixturevalue("postgres_url")


@pytest.mark.timeout(200)
async def test_signing_out_in_one_process_ends_streams_in_the_other(url_of_two: str, tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT), two_processes(tmp_path, url_of_two) as (one, two):
        for client in (one, two):
            assert (await client.unary("GetAuthState", GetAuthStateRequest())).account.name == "Ada"
        async with aclosing(two.stream("Generate", GenerateRequest(spec=send("tokens=2000,pace=50ms")))) as answers:
            await anext(answers)
            await one.unary("SignOut", SignOutRequest())
            with pytest.raises(CallError) as caught:
                await asyncio.wait_for(to_the_end(answers), AT_ONCE)
        info = ErrorInfo.FromString(caught.value.details["google.rpc.ErrorInfo"])
        assert (caught.value.code, info.reason) == ("UNAUTHENTICATED", "SESSION_ENDED")
        for client in (one, two):
            with pytest.raises(CallError) as caught:
                await client.unary("ListConversations", ListConversationsRequest())
            assert caught.value.code == "UNAUTHENTICATED"
