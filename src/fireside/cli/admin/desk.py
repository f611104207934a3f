"""What the commands of `fireside admin` work with: the services of a running server, or the same on a stopped one's database.

Both take the requests of the API and give its answers, so that each command is written once.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import click

from fireside.cli.failure import CommandError, carry_out, settings_of
from fireside.cli.flags import ExampleCommand, config_flag, setting_flags
from fireside.config import load, load_client
from fireside.settings import BY_NAME, CLIENT_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

    from fireside.config import ClientConfig, Config
    from fireside.gen.v1.account_pb2 import Account
    from fireside.gen.v1.audit_service_connect import AuditServiceClient
    from fireside.gen.v1.group_pb2 import Group
    from fireside.gen.v1.group_service_connect import GroupServiceClient
    from fireside.gen.v1.people_service_connect import PeopleServiceClient
    from fireside.gen.v1.policy_service_connect import PolicyServiceClient

Options = str | bool | tuple[str, ...] | None
"""What click passes for an option."""

_DATABASE = BY_NAME["database_url"]
_OFFLINE_SETTINGS = ("data_dir", "database_url")


@dataclass(frozen=True, slots=True)
class Desk:
    """The services that manage a server."""

    people: PeopleServiceClient
    groups: GroupServiceClient
    policy: PolicyServiceClient
    audit: AuditServiceClient
    url: str
    """What links begin with."""

    async def account(self, email: str) -> Account:
        """The account with this address. CommandError if there is none."""
        from fireside.gen.v1.people_service_pb2 import ListAccountsRequest
        from fireside.store.accounts import fold_email

        request = ListAccountsRequest(query=email, page_size=200)
        while True:
            page = await self.people.list_accounts(request)
            for account in page.accounts:
                if fold_email(account.email) == fold_email(email):
                    return account
            if not page.next_page_token:
                raise CommandError(f"There is no account with the address {email}.")
            request.page_token = page.next_page_token

    async def group(self, name: str) -> Group:
        """The group of this name. CommandError if there is none."""
        from fireside.gen.v1.group_service_pb2 import ListGroupsRequest
        from fireside.store.folding import fold

        for group in (await self.groups.list_groups(ListGroupsRequest())).groups:
            if fold(group.name) == fold(name):
                return group
        raise CommandError(f"There is no group called {name}.")

    async def group_ids(self, names: tuple[str, ...]) -> list[str]:
        """The ids of groups by their names."""
        return [(await self.group(name)).id for name in names]


def admin_command(group: click.Group, examples: str) -> Callable[[Callable[..., None]], click.Command]:
    """Makes a command that works at a desk. It gets the flags for that as `file` and `flags`."""

    def make(function: Callable[..., None]) -> click.Command:
        flagged = setting_flags([*CLIENT_SETTINGS, _DATABASE])(config_flag(function))
        offline = click.option(
            "--offline",
            is_flag=True,
            help="Work on the database of the stopped server, as whoever owns it; no sign-in.",
        )
        name = function.__name__.rstrip("_").replace("_", "-")
        return group.command(name, cls=ExampleCommand, epilog=examples)(offline(flagged))

    return make


def at_desk(
    file: Path | None, flags: Mapping[str, object], work: Callable[[Desk], Coroutine[object, None, None]]
) -> None:
    """Runs a command where its flags say, and ends the process."""
    said = {name: value for name, value in flags.items() if isinstance(value, str)}
    if flags.get("offline"):
        named = {name: value for name, value in said.items() if name in _OFFLINE_SETTINGS}
        server = settings_of(lambda: load(named, file=file))
        carry_out(lambda: asyncio.run(_offline(server, work)))
    named = {setting.name: said[setting.name] for setting in CLIENT_SETTINGS if setting.name in said}
    client = settings_of(lambda: load_client(named, file=file))
    carry_out(lambda: asyncio.run(_online(client, work)))


async def _online(config: ClientConfig, work: Callable[[Desk], Coroutine[object, None, None]]) -> int:
    from connectrpc.errors import ConnectError

    from fireside.cli.link import open_link, refused

    link = open_link(config)
    try:
        await work(Desk(link.people, link.groups, link.policy, link.audit, link.url))
    except ConnectError as error:
        raise refused(error, link.url) from error
    finally:
        await link.aclose()
    return 0


async def _offline(config: Config, work: Callable[[Desk], Coroutine[object, None, None]]) -> int:
    from fireside.cli.admin.database import OFFLINE_HINT, open_services
    from fireside.core.errors import FiresideError, UnavailableError

    try:
        async with AsyncExitStack() as stack:
            services = await open_services(config, stack)
            # They take requests and give answers as the clients do.
            people, groups = cast("PeopleServiceClient", services.people), cast("GroupServiceClient", services.groups)
            policy, audit = cast("PolicyServiceClient", services.policy), cast("AuditServiceClient", services.audit)
            host = "127.0.0.1" if config.host in {"0.0.0.0", "::", ""} else config.host  # noqa: S104 Not bound to.
            url = config.public_url or f"http://{f'[{host}]' if ':' in host else host}:{config.port}"
            await work(Desk(people, groups, policy, audit, url))
    except UnavailableError as error:
        hint = OFFLINE_HINT if error.reason == "DATABASE_IN_USE" else ""
        raise CommandError(f"{error.message}{hint}") from error
    except FiresideError as error:
        raise CommandError(error.message) from error
    return 0
