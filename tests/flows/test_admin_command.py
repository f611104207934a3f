"""`fireside admin`, as a process: against a running server, and on the database of a stopped one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from fireside.core.principal import Principal
from fireside.gen.v1.auth_service_pb2 import ResetPasswordRequest
from fireside.gen.v1.chat_service_pb2 import WatchEventsRequest
from fireside.gen.v1.permission_pb2 import PERMISSION_CHAT, Permission
from fireside.identity.keys import NewKey
from tests.accounts import ADMIN, HERE, MEMBER, PASSWORD, AccountsServer, Person, accounts_server
from tests.admin_calls import actions, end_of
from tests.server_process import fireside, server_process


async def key_of(server: AccountsServer, person: Person, scopes: Sequence[Permission] = ()) -> str:
    who: Principal = await server.principal(person)
    return (await server.identity.keys.create(who, HERE, NewKey("admin", scopes, None)))[1]


class Shell:
    """Runs `fireside admin` for somebody with a key. The server answers in this loop, so commands run in threads."""

    def __init__(self, server: AccountsServer, folder: Path, key: str) -> None:
        self._flags = ("--url", server.url, "--api-key", key)
        self._folder = folder

    async def run(self, *words: str, text: str = "") -> tuple[int, str, str]:
        return await asyncio.to_thread(fireside, self._folder, "admin", *words, *self._flags, text=text)

    async def says(self, *words: str, text: str = "") -> str:
        """What it prints when all is well."""
        code, out, err = await self.run(*words, text=text)
        assert (code, err) == (0, ""), err
        return out


async def test_people_are_made_listed_changed_and_removed(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        shell = Shell(server, tmp_path, await key_of(server, ada))
        link = (await shell.says("create-user", "bob@example.org", "--name", "Bob", "--role", "guest")).strip()
        assert link.startswith(f"{server.url}/welcome#fsl_")
        out = await shell.says("create-user", "c@x.org", "--name", "Cleo", "--password-file", "-", text=f"{PASSWORD}\n")
        assert out == "c@x.org has an account.\n"
        lines = (await shell.says("list")).splitlines()
        assert [line.split()[0] for line in lines] == ["ada@example.org", "bob@example.org", "c@x.org"]
        assert lines[1].endswith("guest, active")
        out = await shell.says("update", "BOB@example.org", "--role", "admin", "--state", "disabled", "--name", "Rob")
        assert out.split() == ["bob@example.org", "Rob", "admin,", "disabled"]
        found = json.loads(await shell.says("list", "--state", "disabled", "--json"))
        assert [account["name"] for account in found["accounts"]] == ["Rob"]
        assert await shell.says("revoke", "bob@example.org", "--second-factors") == ""
        assert await shell.says("remove", "bob@example.org") == ""
        assert await shell.run("remove", "bob@example.org") == (
            1, "", "fireside: There is no account with the address bob@example.org.\n",
        )  # fmt: skip
        code, _, err = await shell.run("update", "ada@example.org", "--role", "member")
        assert (code, "last admin" in err) == (1, True)
        log = await actions(ada)
        for action in (
            "account.created bob@example.org",
            "account.role_changed bob@example.org",
            "account.removed bob@example.org",
        ):
            assert action in log


async def test_links_to_join_and_to_set_a_password(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.set_up(), await server.person("Bob")
        shell = Shell(server, tmp_path, await key_of(server, ada))
        link = (await shell.says("reset-password", bob.account.email)).strip()
        assert link.startswith(f"{server.url}/reset#fsl_")
        async with server.anybody() as client:
            reset = ResetPasswordRequest(token=link.partition("#")[2], password=PASSWORD)
            assert (await client.unary("ResetPassword", reset)).account.id == bob.id
        assert (await shell.says("invite", "--days", "2")).startswith(f"{server.url}/join#fsl_")
        assert (await shell.run("invite", "--days", "0"))[0] == 2


async def test_groups(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        await server.person("Bob")
        shell = Shell(server, tmp_path, await key_of(server, ada))
        out = await shell.says("groups", "add", "Research", "--permission", "read-audit", "--model", "shed/*")
        assert out.split() == ["Research", "0", "members,", "read-audit,", "shed/*"]
        assert "1 member," in await shell.says("groups", "join", "research", "bob@example.org")
        assert (await shell.says("list", "--group", "Research")).endswith("member, active, Research\n")
        assert "0 members," in await shell.says("groups", "leave", "Research", "bob@example.org")
        await shell.says("update", "bob@example.org", "--group", "Research")
        assert json.loads(await shell.says("groups", "list", "--json"))["groups"][0]["memberCount"] == 1
        await shell.says("update", "bob@example.org", "--no-groups")
        assert (await shell.run("update", "bob@example.org", "--no-groups", "--group", "Research"))[0] == 2
        assert await shell.says("groups", "remove", "Research") == ""
        assert await shell.says("groups", "list") == ""
        assert (await shell.run("groups", "remove", "Research"))[2] == "fireside: There is no group called Research.\n"


async def test_the_policy_and_the_audit_log(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        shell = Shell(server, tmp_path, await key_of(server, ada))
        out = await shell.says(
            "policy", "set", "--sign-up", "domain", "--domain", "example.org", "--approve", "--session-days", "7",
            "--link-sharing", "off", "--default-role", "guest", "--limit", "guest", "messages_per_day", "20",
        )  # fmt: skip
        assert out == await shell.says("policy", "get")
        assert dict(line.split(maxsplit=1) for line in out.splitlines()) == {
            "sign-up": "domain", "domains": "example.org", "approve": "yes", "default-role": "guest",
            "link-sharing": "off", "session-days": "7", "admin-second-factor": "no",
            "limit": "guest            messages_per_day 20",
        }  # fmt: skip
        await shell.says("policy", "set", "--no-approve", "--limit", "guest", "messages_per_day", "0")
        found = json.loads(await shell.says("policy", "get", "--json"))
        assert "approveSignUps" not in found
        assert found["sessionDays"] == 7
        code, _, err = await shell.run("policy", "set", "--default-role", "admin")
        assert (code, "cannot make themselves admins" in err) == (1, True)
        lines = [json.loads(line) for line in (await shell.says("export", "--action", "policy.")).splitlines()]
        assert [line["action"] for line in lines] == ["policy.updated", "policy.updated"]
        assert lines[1]["details"] == {
            "approve_sign_ups": "yes -> no",
            "limits of guest": "messages_per_day 20 -> none",
        }
        assert await shell.says("export", "--after", "2999-01-01") == ""
        assert (await shell.run("export", "--after", "2026-01-02", "--before", "2026-01-01"))[0] == 2


async def test_who_may_not_is_told_so(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.person("Ada", ADMIN), await server.person("Bob", MEMBER)
        narrow = await key_of(server, ada, [PERMISSION_CHAT])
        for key in (await key_of(server, bob), narrow):
            code, out, err = await Shell(server, tmp_path, key).run("list")
            assert (code, out) == (1, "")
            assert "an admin can allow it" in err
        code, _, err = await Shell(server, tmp_path, "fsk_wrong").run("list")
        assert (code, "`fireside login`" in err) == (1, True)
    assert fireside(tmp_path, "admin", "list", "--url", "http://127.0.0.1:9")[0] == 3


def offline(folder: Path, *words: str) -> tuple[int, str, str]:
    return fireside(folder, "admin", *words, "--offline", "--data-dir", str(folder))


async def test_who_owns_the_database_gets_in_again(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        await server.set_up()
        await server.person("Bob")
        code, _, err = await asyncio.to_thread(offline, tmp_path, "list")
        assert code == 1
        assert "has the database" in err
        assert "Without --offline, this command talks to the running server." in err
    code, out, err = await asyncio.to_thread(offline, tmp_path, "reset-password", "ada@example.org")
    assert (code, err) == (0, "")
    assert "/reset#fsl_" in out
    code, _, err = await asyncio.to_thread(offline, tmp_path, "update", "ada@example.org", "--state", "disabled")
    assert (code, "last admin" in err) == (1, True)
    for words in (
        ("update", "bob@example.org", "--role", "admin"),
        ("groups", "add", "Ops"),
        ("policy", "set", "--session-days", "3"),
    ):
        assert (await asyncio.to_thread(offline, tmp_path, *words))[0] == 0
    code, _, err = await asyncio.to_thread(offline, tmp_path, "create-user", "nonsense", "--name", "x")
    assert (code, err.startswith("fireside: email: ")) == (1, True)
    code, log, _ = await asyncio.to_thread(offline, tmp_path, "export")
    made = [json.loads(line) for line in log.splitlines()]
    assert {line["action"] for line in made} >= {
        "password.link_made",
        "account.role_changed",
        "group.created",
        "policy.updated",
    }
    assert made[-1]["actor_email"] == "fireside admin --offline"
    async with accounts_server(tmp_path) as server, server.anybody() as client:
        assert server.identity.policies.current.session_days == 3
        reset = ResetPasswordRequest(token=out.strip().partition("#")[2], password=PASSWORD)
        assert (await client.unary("ResetPassword", reset)).account.email == "ada@example.org"


async def test_beside_a_server_on_postgresql_changes_hold_at_once(tmp_path: Path, postgres_url: str) -> None:
    async with accounts_server(tmp_path, database_url=postgres_url) as server:
        await server.set_up()
        bob = await server.person("Bob")
        async with bob.caller() as client:
            ending = asyncio.create_task(end_of(client.stream("WatchEvents", WatchEventsRequest())))
            await server.open_streams(1)
            words = (
                "admin",
                "update",
                "bob@example.org",
                "--state",
                "disabled",
                "--offline",
                "--database-url",
                postgres_url,
            )
            assert (await asyncio.to_thread(fireside, tmp_path, *words))[0] == 0
            async with asyncio.timeout(1):
                assert await ending == "UNAUTHENTICATED"


def test_without_a_database_nothing_is_made(tmp_path: Path) -> None:
    code, out, err = offline(tmp_path, "list")
    assert (code, out) == (1, "")
    assert "There is no database" in err
    assert not list(tmp_path.glob("*.db"))


def test_the_first_admin_can_be_made_before_the_first_visit(tmp_path: Path) -> None:
    with server_process(tmp_path, "--single-user") as server:
        server.end()
    data = tmp_path / "data"
    code, _, err = offline(data, "create-user", "bob@example.org", "--name", "Bob")
    assert (code, "has to be an admin" in err) == (1, True)
    code, out, _ = offline(data, "create-user", "ada@example.org", "--name", "Ada", "--role", "admin")
    assert (code, "/welcome#fsl_" in out) == (0, True)
    found = json.loads(offline(data, "list", "--json")[1])["accounts"]
    assert [(account["id"], account["role"]) for account in found] == [("local", "ACCOUNT_ROLE_ADMIN")]


@pytest.mark.parametrize("words", [["update", "x@x.org", "--role", "king"], ["list", "--state", "asleep"], ["nothing"]])
def test_wrong_words(tmp_path: Path, words: list[str]) -> None:
    assert fireside(tmp_path, "admin", *words)[0] == 2
