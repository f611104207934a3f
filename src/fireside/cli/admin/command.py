"""`fireside admin`: the commands on people and the audit log. Those on groups and the policy are the files beside it."""

from __future__ import annotations

import json
import sys
from contextlib import aclosing
from datetime import UTC
from typing import TYPE_CHECKING, cast

import click

from fireside.cli.admin.desk import Options, admin_command, at_desk
from fireside.cli.admin.groups import groups
from fireside.cli.admin.policy import policy
from fireside.cli.admin.words import ROLES, STATES, one_of, show
from fireside.cli.failure import UsageError
from fireside.cli.secret_file import read_secret

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime
    from pathlib import Path

    from fireside.cli.admin.desk import Desk
    from fireside.gen.v1.account_pb2 import Account
    from fireside.gen.v1.audit_service_pb2 import ExportAuditEventsResponse


@click.group()
def admin() -> None:
    """Manage people, groups, the policy and the audit log.

    The commands talk to a running server, with the key of `fireside login` or --api-key, which needs the permissions of
    an admin. With --offline they work on the database of a stopped server instead, so that somebody who can reach its
    files gets in again: `fireside admin reset-password --offline EMAIL`.
    """


@admin_command(admin, "\nfireside admin list\nfireside admin list bob --state active --json\n")
@click.argument("query", default="")
@click.option("--state", type=one_of(STATES), help="Only accounts in this state.  [default: all]")
@click.option("--group", "group_name", metavar="NAME", help="Only members of this group.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def list_(file: Path | None, query: str, **options: Options) -> None:
    """List accounts by name. QUERY is a part of the name or address.

    Exit codes: 0 listed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from google.protobuf.json_format import MessageToDict

        from fireside.gen.v1.group_service_pb2 import ListGroupsRequest
        from fireside.gen.v1.people_service_pb2 import ListAccountsRequest

        request = ListAccountsRequest(query=query, page_size=200)
        if options["state"]:
            request.state = STATES[str(options["state"])]  # pyright: ignore[reportAttributeAccessIssue]
        if options["group_name"]:
            request.group_id = (await desk.group(str(options["group_name"]))).id
        names = {group.id: group.name for group in (await desk.groups.list_groups(ListGroupsRequest())).groups}
        found: list[Account] = []
        while True:
            page = await desk.people.list_accounts(request)
            found += page.accounts
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        if options["as_json"]:
            click.echo(json.dumps({"accounts": list(map(MessageToDict, found))}, ensure_ascii=False, indent=2))
            return
        for account in found:
            show(account, names)

    at_desk(file, options, work)


@admin_command(
    admin,
    "\nfireside admin create-user bob@example.org --name Bob\n"
    "fireside admin create-user ann@example.org --name Ann --role admin --password-file password.txt\n",
)
@click.argument("email")
@click.option("--name", required=True, metavar="TEXT", help="The name that others see.")
@click.option("--role", type=one_of(ROLES), default="member", show_default=True, help="What the account may do.")
@click.option("--group", "group_names", multiple=True, metavar="NAME", help="Put it into this group; may be repeated.")
@click.option(
    "--password-file",
    metavar="PATH",
    help="File with the password; - reads the standard input.  [default: a one-time link to set one is printed]",
)
def create_user(file: Path | None, email: str, **options: Options) -> None:
    """Make an account, and print the one-time link with which its owner sets a password.

    Exit codes: 0 made, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """
    path = options["password_file"]
    password = read_secret(path, "The password") if isinstance(path, str) else ""

    async def work(desk: Desk) -> None:
        from fireside.gen.v1.people_service_pb2 import CreateAccountRequest

        request = CreateAccountRequest(
            name=str(options["name"]),
            email=email,
            role=ROLES[str(options["role"])],  # pyright: ignore[reportArgumentType]
            group_ids=await desk.group_ids(_texts(options["group_names"])),
            password=password,
        )
        made = await desk.people.create_account(request)
        click.echo(desk.url + made.link if made.link else f"{made.account.email} has an account.")

    at_desk(file, options, work)


@admin_command(
    admin, "\nfireside admin reset-password bob@example.org\nfireside admin reset-password --offline ann@example.org\n"
)
@click.argument("email")
def reset_password(file: Path | None, email: str, **options: Options) -> None:
    """Print a one-time link with which the account's owner sets a new password. It holds for a day.

    Exit codes: 0 made, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from fireside.gen.v1.people_service_pb2 import CreatePasswordLinkRequest

        request = CreatePasswordLinkRequest(account_id=(await desk.account(email)).id)
        click.echo(desk.url + (await desk.people.create_password_link(request)).link)

    at_desk(file, options, work)


@admin_command(
    admin,
    "\nfireside admin update bob@example.org --role admin\n"
    "fireside admin update bob@example.org --state disabled\n"
    "fireside admin update bob@example.org --group Research --group Ops\n",
)
@click.argument("email")
@click.option("--role", type=one_of(ROLES), help="The new role.  [default: as it is]")
@click.option("--state", type=click.Choice(["active", "disabled"]), help="Let it in, or close it.  [default: as it is]")
@click.option("--name", metavar="TEXT", help="The new name.  [default: as it is]")
@click.option("--email", "new_email", metavar="ADDRESS", help="The new address.  [default: as it is]")
@click.option(
    "--group", "group_names", multiple=True, metavar="NAME",
    help="Its groups from now on; may be repeated.  [default: as they are]",
)  # fmt: skip
@click.option("--no-groups", is_flag=True, help="Take it out of all groups.")
def update(file: Path | None, email: str, **options: Options) -> None:
    """Change an account: role, state, name, address, groups. It holds at once.

    Exit codes: 0 changed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """
    names = _texts(options["group_names"])
    if names and options["no_groups"]:
        raise UsageError("Either --group or --no-groups, not both.")

    async def work(desk: Desk) -> None:
        from fireside.gen.v1.people_service_pb2 import AccountGroups, UpdateAccountRequest

        request = UpdateAccountRequest(account_id=(await desk.account(email)).id)
        if options["role"]:
            request.role = ROLES[str(options["role"])]  # pyright: ignore[reportAttributeAccessIssue]
        if options["state"]:
            request.state = STATES[str(options["state"])]  # pyright: ignore[reportAttributeAccessIssue]
        if options["name"]:
            request.name = str(options["name"])
        if options["new_email"]:
            request.email = str(options["new_email"])
        if names or options["no_groups"]:
            request.groups.CopyFrom(AccountGroups(group_ids=await desk.group_ids(names)))
        changed = (await desk.people.update_account(request)).account
        show(changed, {})

    at_desk(file, options, work)


@admin_command(
    admin, "\nfireside admin revoke bob@example.org\nfireside admin revoke bob@example.org --second-factors\n"
)
@click.argument("email")
@click.option("--second-factors", is_flag=True, help="Take its second factors away too, for somebody who lost theirs.")
def revoke(file: Path | None, email: str, **options: Options) -> None:
    """End all sessions and keys of an account.

    Exit codes: 0 ended, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from fireside.gen.v1.people_service_pb2 import RemoveSecondFactorsRequest, SignOutAccountRequest

        account_id = (await desk.account(email)).id
        await desk.people.sign_out_account(SignOutAccountRequest(account_id=account_id))
        if options["second_factors"]:
            await desk.people.remove_second_factors(RemoveSecondFactorsRequest(account_id=account_id))

    at_desk(file, options, work)


@admin_command(admin, "\nfireside admin remove bob@example.org\n")
@click.argument("email")
def remove(file: Path | None, email: str, **options: Options) -> None:
    """Remove an account and all that belongs to it, for good.

    Exit codes: 0 removed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from fireside.gen.v1.people_service_pb2 import RemoveAccountRequest

        account = await desk.account(email)
        await desk.people.remove_account(RemoveAccountRequest(account_id=account.id, email=email))

    at_desk(file, options, work)


@admin_command(admin, "\nfireside admin invite\nfireside admin invite cleo@example.org --group Research --days 2\n")
@click.argument("email", default="")
@click.option("--role", type=one_of(ROLES), default="member", show_default=True, help="What the account may do.")
@click.option("--group", "group_names", multiple=True, metavar="NAME", help="Put it into this group; may be repeated.")
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True, help="How long it holds.")
def invite(file: Path | None, email: str, days: int, **options: Options) -> None:
    """Print a link with which somebody can make an account. With EMAIL it is for that address only.

    Exit codes: 0 made, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from google.protobuf.duration_pb2 import Duration

        from fireside.gen.v1.people_service_pb2 import CreateInvitationRequest

        request = CreateInvitationRequest(
            email=email,
            role=ROLES[str(options["role"])],  # pyright: ignore[reportArgumentType]
            group_ids=await desk.group_ids(_texts(options["group_names"])),
            lifetime=Duration(seconds=days * 24 * 60 * 60),
        )
        made = await desk.people.create_invitation(request)
        click.echo(desk.url + made.link)
        if made.mailed:
            click.echo(f"It was mailed to {email}.", err=True)

    at_desk(file, options, work)


@admin_command(
    admin,
    "\nfireside admin export > audit.jsonl\n"
    "fireside admin export --action session. --after 2026-11-01 | jq -r '.actor_email'\n",
)
@click.option("--action", default="", metavar="TEXT", help="Only actions that begin with this, such as session.")
@click.option("--after", type=click.DateTime(), help="Only from this time (UTC) on.")
@click.option("--before", type=click.DateTime(), help="Only before this time (UTC).")
def export(file: Path | None, action: str, after: datetime | None, before: datetime | None, **options: Options) -> None:
    """Print the audit log as lines of JSON, the oldest first.

    Exit codes: 0 printed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """
    if after is not None and before is not None and before <= after:
        raise UsageError("--before has to be later than --after.")

    async def work(desk: Desk) -> None:
        from fireside.gen.v1.audit_service_pb2 import ExportAuditEventsRequest

        request = ExportAuditEventsRequest(action=action)
        if after is not None:
            request.after.FromDatetime(after.replace(tzinfo=UTC))
        if before is not None:
            request.before.FromDatetime(before.replace(tzinfo=UTC))
        stream = cast("AsyncGenerator[ExportAuditEventsResponse]", desk.audit.export_audit_events(request))
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                sys.stdout.buffer.write(piece.data)

    at_desk(file, options, work)


admin.add_command(groups)
admin.add_command(policy)


def _texts(value: Options) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
