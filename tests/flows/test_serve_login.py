"""`fireside login` and what the other commands do with the key that it keeps, as processes against a real server."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pyotp
import pytest

from tests.callers import CallError, caller
from tests.flows.test_secrets import PASSWORD, call, cookie_of
from tests.server_process import ServerProcess, fireside, server_process

EMAIL = "ada@example.org"
KEYS = Path(".config") / "fireside" / "credentials.json"


@pytest.fixture
def server(tmp_path: Path):
    with server_process(tmp_path, "--single-user", "false") as running:
        yield running


def set_up(server: ServerProcess) -> str:
    """Makes the first admin; the cookie."""

    async def make() -> str:
        async with caller("connect-h2", server.url) as nobody:
            return await cookie_of(nobody, "SetUp", name="Ada", email=EMAIL, password=PASSWORD)

    return asyncio.run(make())


def login(folder: Path, server: ServerProcess, *typed: str) -> tuple[int, str, str]:
    """Signs in with these lines on the standard input."""
    return fireside(folder, "login", "--url", server.url, "--email", EMAIL, text="\n".join([*typed, ""]))


def test_a_key_is_made_kept_used_and_ended(tmp_path: Path, server: ServerProcess) -> None:
    set_up(server)
    code, _, err = fireside(tmp_path, "chat", "--url", server.url, "--list-models")
    assert (code, "fireside login" in err) == (1, True)
    code, out, err = login(tmp_path, server, PASSWORD)
    assert (code, err) == (0, "")
    assert EMAIL in out
    kept = tmp_path / KEYS
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    key = json.loads(kept.read_text())[server.url]
    code, out, _ = fireside(tmp_path, "chat", "--url", server.url, "--model", "scripted/tokens=2", "hello")
    assert code == 0
    assert out.strip()
    assert fireside(tmp_path, "runners", "list", "--url", server.url)[0] == 0
    assert fireside(tmp_path, "logout", "--url", server.url)[0] == 0
    assert server.url not in json.loads(kept.read_text())
    assert asyncio.run(code_with(server, key)) == "UNAUTHENTICATED"
    code, out, _ = fireside(tmp_path, "logout", "--url", server.url)
    assert (code, "Nobody" in out) == (0, True)


async def code_with(server: ServerProcess, key: str) -> str:
    """What a call with this key ends with."""
    async with caller("grpcio", server.url, {"authorization": f"Bearer {key}"}) as program:
        try:
            await call(program, "GetAccount")
        except CallError as error:
            return error.code
    return "OK"


def test_a_wrong_password_keeps_nothing(tmp_path: Path, server: ServerProcess) -> None:
    set_up(server)
    code, out, err = login(tmp_path, server, "not the password")
    assert (code, out) == (1, "")
    assert err.startswith("fireside: ")
    assert "fireside login" not in err
    assert not (tmp_path / KEYS).exists()


def test_a_second_factor_is_asked_for(tmp_path: Path, server: ServerProcess) -> None:
    cookie = set_up(server)

    async def protect() -> list[str]:
        async with caller("connect-h2", server.url, {"cookie": cookie}) as ada:
            secret = (await call(ada, "BeginTotp")).secret
            return list((await call(ada, "ConfirmTotp", code=pyotp.TOTP(secret).now())).recovery_codes)

    codes = asyncio.run(protect())
    assert login(tmp_path, server, PASSWORD, "000000")[0] == 1
    assert login(tmp_path, server, PASSWORD, codes[0])[0] == 0
    assert fireside(tmp_path, "runners", "list", "--url", server.url)[0] == 0


def test_a_key_from_the_environment_or_the_command_line_wins(tmp_path: Path, server: ServerProcess) -> None:
    set_up(server)
    assert login(tmp_path, server, PASSWORD)[0] == 0
    code, _, err = fireside(tmp_path, "runners", "list", "--url", server.url, "--api-key", "fsk_wrong")
    assert (code, "fireside login" in err) == (1, True)


def test_a_server_without_an_admin_says_what_to_do(tmp_path: Path, server: ServerProcess) -> None:
    code, _, err = login(tmp_path, server, PASSWORD)
    assert (code, "browser" in err) == (1, True)


def test_a_server_without_accounts_needs_no_sign_in(tmp_path: Path) -> None:
    with server_process(tmp_path) as single:
        code, out, _ = login(tmp_path, single)
    assert (code, "no accounts" in out) == (0, True)
