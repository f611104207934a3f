"""Signing in and out, as browsers do: by cookies, over HTTP."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import Morsel
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from fireside.gen.v1.account_pb2 import ACCOUNT_STATE_DISABLED, ACCOUNT_STATE_PENDING
from fireside.gen.v1.auth_service_pb2 import GetAuthStateRequest
from fireside.gen.v1.conversation_service_pb2 import CreateConversationRequest, ListConversationsRequest
from fireside.store import accounts
from fireside.store.tx import Tx
from tests.accounts import PASSWORD, AccountsServer, Person, accounts_server
from tests.callers import caller
from tests.rig import new_uuid
from tests.served import serve

ADA = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as opened:
        yield opened


class Browser:
    """Keeps cookies, and calls as the page does."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.set: Morsel[str] | None = None

    async def call(self, method: str, body: dict[str, Any] | None = None, service: str = "AuthService") -> Any:
        """The answer, or `(HTTP status, reason)` of what went wrong."""
        async with self.session.post(f"/fireside.v1.{service}/{method}", json=body or {}) as response:
            answer = await response.json()
            self.set = next(iter(response.cookies.values()), None)
            if response.status == 200:
                return answer
            return response.status, _reason(answer)

    @property
    def token(self) -> str:
        return next((cookie.value for cookie in self.session.cookie_jar), "")


def _reason(answer: dict[str, Any]) -> str:
    (info,) = (detail["value"] for detail in answer["details"] if detail["type"] == "google.rpc.ErrorInfo")
    return ErrorInfo.FromString(base64.b64decode(info + "==")).reason


@asynccontextmanager
async def browser(url: str) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Browser(session)


async def test_the_first_visitor_makes_the_admin_and_the_second_does_not(server: AccountsServer) -> None:
    async with browser(server.url) as first, browser(server.url) as second:
        state = await first.call("GetAuthState")
        assert state["needsSetUp"]
        assert "needsSetUpToken" not in state
        answers = await asyncio.gather(
            first.call("SetUp", ADA), second.call("SetUp", {**ADA, "email": "eve@example.org"})
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["dict", "tuple"]
        assert (400, "ALREADY_SET_UP") in answers
        winner, loser = (first, second) if isinstance(answers[0], dict) else (second, first)
        state = await winner.call("GetAuthState")
        assert state["account"]["role"] == "ACCOUNT_ROLE_ADMIN"
        assert "PERMISSION_MANAGE_PEOPLE" in state["permissions"]
        state = await loser.call("GetAuthState")
        assert "needsSetUp" not in state
        assert "account" not in state
        assert await loser.call("SetUp", ADA) == (400, "ALREADY_SET_UP")


async def test_the_cookie_is_for_browsers_alone(server: AccountsServer) -> None:
    async with browser(server.url) as page:
        await page.call("SetUp", ADA)
        cookie = page.set
        assert cookie is not None
        assert cookie.key == "fireside"
        assert cookie.value.startswith("fss_")
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Lax", "/", "")
        await page.call("SignOut")
        assert page.set is not None
        assert (page.set.value, page.set["max-age"]) == ("", "0")
        assert page.token == ""


async def test_signing_in_and_out(server: AccountsServer) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    async with browser(server.url) as page:
        right = {"email": " ANN@example.ORG", "password": PASSWORD}
        assert (await page.call("SignIn", right))["account"]["id"] == ann.id
        first = page.token
        assert (await page.call("GetAuthState"))["account"]["name"] == "Ann"
        assert "account" in await page.call("SignIn", right)
        second = page.token
        assert first != second
        async with caller("connect-h1", server.url, {"cookie": f"fireside={first}"}) as old:
            assert not (await old.unary("GetAuthState", GetAuthStateRequest())).HasField("account"), (
                "the session that the new one replaced goes on"
            )
        assert await page.call("SignOut") == {}
        assert "account" not in await page.call("GetAuthState")
        assert await page.call("ListConversations", service="ConversationService") == (401, "SIGN_IN")
        page.session.cookie_jar.update_cookies({"fireside": second})
        assert await page.call("ListConversations", service="ConversationService") == (401, "SESSION_ENDED")
        # What is public is not refused for a cookie that is too old.
        assert "account" not in await page.call("GetAuthState")


async def test_nobody_learns_which_addresses_have_accounts(server: AccountsServer) -> None:
    await server.person("Ann", password=PASSWORD)
    took: dict[str, list[float]] = {"ann@example.org": [], "eve@example.org": []}
    async with browser(server.url) as page:
        for _ in range(4):
            for email, seconds in took.items():
                began = time.perf_counter()
                assert await page.call("SignIn", {"email": email, "password": "not it at all"}) == (
                    401,
                    "SIGN_IN_FAILED",
                )
                seconds.append(time.perf_counter() - began)
    known, unknown = (min(seconds) for seconds in took.values())
    # The same work in both cases; ten times apart would be none in one of them.
    assert 0.3 < known / unknown < 3


@pytest.mark.parametrize(
    ("state", "answer"),
    [(ACCOUNT_STATE_DISABLED, (400, "ACCOUNT_DISABLED")), (ACCOUNT_STATE_PENDING, {"pending": True})],
)
async def test_an_account_that_cannot_be_used(server: AccountsServer, state: int, answer: object) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    await set_state(server, ann, state)
    async with browser(server.url) as page:
        assert await page.call("SignIn", {"email": ann.account.email, "password": PASSWORD}) == answer
        assert page.token == ""
        wrong = {"email": ann.account.email, "password": "not it at all"}
        assert await page.call("SignIn", wrong) == (401, "SIGN_IN_FAILED"), "the state is told without the password"


async def set_state(server: AccountsServer, person: Person, state: int) -> None:
    async def body(tx: Tx) -> None:
        account = await accounts.get(tx, person.id)
        assert account is not None
        account.state = state  # pyright: ignore[reportAttributeAccessIssue]
        await accounts.update(tx, account)

    await server.identity.changes.write(person.id, body)


async def test_what_the_one_user_had_is_the_first_admins(tmp_path: Path) -> None:
    async with serve(tmp_path) as before, caller("grpcio", before.url) as one:
        await one.unary("CreateConversation", CreateConversationRequest(conversation_id=new_uuid(), title="Old times"))
    async with accounts_server(tmp_path) as server:
        bob = await server.person("Bob")
        async with bob.caller() as his:
            assert not (await his.unary("ListConversations", ListConversationsRequest())).conversations
    other = tmp_path / "other"
    other.mkdir()
    async with serve(other) as before, caller("grpcio", before.url) as one:
        await one.unary("CreateConversation", CreateConversationRequest(conversation_id=new_uuid(), title="Old times"))
    async with accounts_server(other) as server:
        ada = await server.set_up()
        async with ada.caller() as hers:
            (found,) = (await hers.unary("ListConversations", ListConversationsRequest())).conversations
            assert found.title == "Old times"
    # And back.
    async with serve(other) as after, caller("grpcio", after.url) as one:
        assert (await one.unary("ListConversations", ListConversationsRequest())).conversations


async def test_a_server_with_one_account_has_no_sign_in(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, browser(served.url) as page:
        state = await page.call("GetAuthState")
        assert state["singleUser"]
        assert "PERMISSION_CHAT" in state["permissions"]
        for method, body in (("SetUp", ADA), ("SignIn", {"email": "a@b", "password": "x"}), ("SignOut", {})):
            assert await page.call(method, body) == (400, "SINGLE_USER")


async def test_guessing_is_slowed_down(server: AccountsServer) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    async with browser(server.url) as page:
        wrong = {"email": ann.account.email, "password": "not it at all"}
        answers = [await page.call("SignIn", wrong) for _ in range(9)]
        assert answers[0] == (401, "SIGN_IN_FAILED")
        assert answers[-1] == (429, "TOO_MANY_ATTEMPTS")
        assert await page.call("SignIn", {**wrong, "password": PASSWORD}) == (429, "TOO_MANY_ATTEMPTS")
        bob = await server.person("Bob", password=PASSWORD)
        right = {"email": bob.account.email, "password": PASSWORD}
        assert "account" in await page.call("SignIn", right)
        wrong = {"email": "eve@example.org", "password": "not it at all"}
        answers = await asyncio.gather(*(page.call("SignIn", wrong) for _ in range(20)))
        assert sum(answer == (401, "SIGN_IN_FAILED") for answer in answers) <= 6, "many at once were let through"
        for _ in range(8):
            assert "account" in await page.call("SignIn", right), "who is right is not slowed down"
