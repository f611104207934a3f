"""No secret is written down: not in the log at its loudest, not in the database, whatever people do with their accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyotp
from connectrpc.client import ResponseMetadata
from google.protobuf.message_factory import GetMessageClass

from fireside.gen.v1.runner_pb2 import RUNNER_KIND_OPENAI
from fireside.gen.v1.share_pb2 import SHARE_ROLE_VIEWER
from tests.callers import METHODS, Caller, CallError, caller
from tests.rig import send
from tests.server_process import server_process

PASSWORD = "a long pass phrase of mine"
WRONG = "a long pass phrase of others"
NEW = "another long pass phrase of mine"
RUNNER_SECRET = "sk-runner-secret-0123456789"


async def call(client: Caller, method: str, **fields: Any) -> Any:
    """A unary call by the names of its fields."""
    return await client.unary(method, GetMessageClass(METHODS[method].input_type)(**fields))


async def cookie_of(client: Caller, method: str, **fields: Any) -> str:
    """The session's token that a call sets."""
    with ResponseMetadata() as metadata:
        await call(client, method, **fields)
        return metadata.headers["set-cookie"].partition(";")[0]


async def live_with_accounts(url: str) -> dict[str, str]:
    """Does what makes and uses secrets; returns them by what they are."""
    secrets = {"password": PASSWORD, "wrong password": WRONG, "new password": NEW, "runner's key": RUNNER_SECRET}
    async with caller("connect-h2", url) as nobody:
        cookie = await cookie_of(nobody, "SetUp", name="Ada", email="ada@example.org", password=PASSWORD)
        with suppress(CallError):
            await call(nobody, "SignIn", email="ada@example.org", password=WRONG)
        secrets["first session"] = cookie.partition("=")[2]
        cookie = await cookie_of(nobody, "SignIn", email="ada@example.org", password=PASSWORD)
    secrets["session"] = cookie.partition("=")[2]
    async with caller("connect-h2", url, {"cookie": cookie}) as ada:
        await _make_secrets(ada, secrets)
        await _use_a_second_factor(ada, secrets)
        with suppress(CallError):
            await call(ada, "ChangePassword", current_password=WRONG, new_password=NEW)
        secrets["changed session"] = (
            await cookie_of(ada, "ChangePassword", current_password=PASSWORD, new_password=NEW)
        ).partition("=")[2]
    await _use_keys(url, secrets)
    return secrets


async def _make_secrets(ada: Caller, secrets: dict[str, str]) -> None:
    secrets["key"] = (await call(ada, "CreateApiKey", name="mine")).secret
    secrets["invitation"] = _token((await call(ada, "CreateInvitation", email="bob@example.org")).link)
    made = await call(ada, "CreateAccount", name="Cy", email="cy@example.org", role=2)
    secrets["welcome link"] = _token(made.link)
    secrets["reset link"] = _token((await call(ada, "CreatePasswordLink", account_id=made.account.id)).link)
    spec = send("tokens=2")
    await call(ada, "StartGeneration", spec=spec)
    shared = await call(ada, "CreateShare", conversation_id=spec.conversation_id, link=True, role=SHARE_ROLE_VIEWER)
    secrets["shared link"] = shared.link.rpartition("/")[2]
    runner: Mapping[str, Any] = {"name": "shed", "kind": RUNNER_KIND_OPENAI, "addresses": ["http://127.0.0.1:9/v1"]}
    await call(ada, "CreateRunner", spec=runner, secret=RUNNER_SECRET)


async def _use_a_second_factor(ada: Caller, secrets: dict[str, str]) -> None:
    begun = await call(ada, "BeginTotp")
    secrets["authenticator's secret"] = begun.secret
    codes = (await call(ada, "ConfirmTotp", code=pyotp.TOTP(begun.secret).now())).recovery_codes
    secrets["recovery code"] = codes[0]


async def _use_keys(url: str, secrets: Mapping[str, str]) -> None:
    for kind in ("grpcio", "connect-json-h1", "grpc-web-h1"):
        async with caller(kind, url, {"authorization": f"Bearer {secrets['key']}"}) as program:
            await call(program, "GetAccount")
        async with caller(kind, url, {"authorization": f"Bearer {secrets['key']}x"}) as stranger:
            with suppress(CallError):
                await call(stranger, "GetAccount")
    host, _, port = url.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET /v1/models?key={secrets['key']} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n"
        f"authorization: Bearer {secrets['key']}\r\n\r\n".encode()
    )
    await reader.read()
    writer.close()


def _token(link: str) -> str:
    return link.rpartition("#")[2]


def test_no_secret_is_in_the_log_or_the_database(tmp_path: Path) -> None:
    with server_process(tmp_path, "--single-user", "false", "--log-level", "debug") as server:
        secrets = asyncio.run(live_with_accounts(server.url))
        code, out, err = server.end()
    assert code == 0
    assert all(len(secret) >= 8 for secret in secrets.values())
    files = {path.name: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    assert any(b"ada@example.org" in data for data in files.values())
    for what, secret in secrets.items():
        assert secret not in out + err, f"{what} is in the log"
        for name, data in files.items():
            assert secret.encode() not in data, f"{what} is in {name}"
