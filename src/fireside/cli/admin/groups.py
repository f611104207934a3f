"""`fireside admin groups`: groups, what they give, and who is in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from fireside.cli.admin.desk import Options, admin_command, at_desk
from fireside.cli.admin.words import PERMISSIONS, one_of, word_of

if TYPE_CHECKING:
    from pathlib import Path

    from fireside.cli.admin.desk import Desk
    from fireside.gen.v1.group_pb2 import Group


@click.group()
def groups() -> None:
    """Manage groups of people."""


@admin_command(groups, "\nfireside admin groups list\nfireside admin groups list --json | jq '.groups[].name'\n")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def list_(file: Path | None, **options: Options) -> None:
    """List the groups by name.

    Exit codes: 0 listed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from google.protobuf.json_format import MessageToDict

        from fireside.gen.v1.group_service_pb2 import ListGroupsRequest

        found = await desk.groups.list_groups(ListGroupsRequest())
        if options["as_json"]:
            click.echo(json.dumps(MessageToDict(found), ensure_ascii=False, indent=2))
            return
        for group in found.groups:
            _show(group)

    at_desk(file, options, work)


@admin_command(
    groups,
    "\nfireside admin groups add Research --model 'shed/*'\n"
    "fireside admin groups add Auditors --permission read-audit\n",
)
@click.argument("name")
@click.option("--description", default="", metavar="TEXT", help="A sentence about it.")
@click.option(
    "--permission", "permissions", multiple=True, type=one_of(PERMISSIONS),
    help="Give this to its members besides what their role gives; may be repeated.",
)  # fmt: skip
@click.option(
    "--model", "models", multiple=True, metavar="MODEL",
    help="Keep this model for its members, or all that begin so with a * at the end; may be repeated.",
)  # fmt: skip
@click.option(
    "--provider-group",
    default="",
    metavar="NAME",
    help="Have those be members whom an OpenID Connect provider says to be in this group.",
)
def add(file: Path | None, name: str, **options: Options) -> None:
    """Make a group with nobody in it.

    Exit codes: 0 made, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from fireside.gen.v1.group_pb2 import Group
        from fireside.gen.v1.group_service_pb2 import CreateGroupRequest

        permissions, models = options["permissions"], options["models"]
        group = Group(
            name=name,
            description=str(options["description"]),
            permissions=[PERMISSIONS[word] for word in permissions] if isinstance(permissions, tuple) else (),  # pyright: ignore[reportArgumentType]
            models=models if isinstance(models, tuple) else (),
            provider_group=str(options["provider_group"]),
        )
        _show((await desk.groups.create_group(CreateGroupRequest(group=group))).group)

    at_desk(file, options, work)


@admin_command(groups, "\nfireside admin groups remove Research\n")
@click.argument("name")
def remove(file: Path | None, name: str, **options: Options) -> None:
    """Remove a group; its members lose what they had through it.

    Exit codes: 0 removed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from fireside.gen.v1.group_service_pb2 import DeleteGroupRequest

        await desk.groups.delete_group(DeleteGroupRequest(group_id=(await desk.group(name)).id))

    at_desk(file, options, work)


@admin_command(groups, "\nfireside admin groups join Research bob@example.org cleo@example.org\n")
@click.argument("name")
@click.argument("emails", metavar="EMAIL...", nargs=-1, required=True)
def join(file: Path | None, name: str, emails: tuple[str, ...], **options: Options) -> None:
    """Put accounts into a group.

    Exit codes: 0 done, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from fireside.gen.v1.group_service_pb2 import AddMembersRequest

        ids = [(await desk.account(email)).id for email in emails]
        request = AddMembersRequest(group_id=(await desk.group(name)).id, account_ids=ids)
        _show((await desk.groups.add_members(request)).group)

    at_desk(file, options, work)


@admin_command(groups, "\nfireside admin groups leave Research bob@example.org\n")
@click.argument("name")
@click.argument("emails", metavar="EMAIL...", nargs=-1, required=True)
def leave(file: Path | None, name: str, emails: tuple[str, ...], **options: Options) -> None:
    """Take accounts out of a group.

    Exit codes: 0 done, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from fireside.gen.v1.group_service_pb2 import RemoveMembersRequest

        ids = [(await desk.account(email)).id for email in emails]
        request = RemoveMembersRequest(group_id=(await desk.group(name)).id, account_ids=ids)
        _show((await desk.groups.remove_members(request)).group)

    at_desk(file, options, work)


def _show(group: Group) -> None:
    about = [f"{group.member_count} member{'' if group.member_count == 1 else 's'}"]
    about += [word_of(PERMISSIONS, permission) for permission in group.permissions]
    click.echo(f"{group.name:<24} {', '.join([*about, *group.models])}")
