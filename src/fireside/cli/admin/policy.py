"""`fireside admin policy`: what holds for the whole server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from fireside.cli.admin.desk import Options, admin_command, at_desk
from fireside.cli.admin.words import LINK_SHARINGS, ROLES, SIGN_UPS, one_of, word_of

if TYPE_CHECKING:
    from pathlib import Path

    from fireside.cli.admin.desk import Desk
    from fireside.gen.v1.policy_pb2 import Policy

_LIMITS = ("messages_per_day", "tokens_per_day", "messages_per_minute", "storage_bytes")


@click.group()
def policy() -> None:
    """Read and change what holds for the whole server."""


@admin_command(policy, "\nfireside admin policy get\nfireside admin policy get --json\n")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def get(file: Path | None, **options: Options) -> None:
    """Print the policy.

    Exit codes: 0 printed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from google.protobuf.json_format import MessageToDict

        from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest

        found = (await desk.policy.get_policy(GetPolicyRequest())).policy
        if options["as_json"]:
            click.echo(json.dumps(MessageToDict(found), ensure_ascii=False, indent=2))
        else:
            _show(found)

    at_desk(file, options, work)


@admin_command(
    policy,
    "\nfireside admin policy set --sign-up domain --domain example.org\n"
    "fireside admin policy set --link-sharing off --session-days 7\n"
    "fireside admin policy set --limit guest messages_per_day 20\n",
)
@click.option("--sign-up", type=one_of(SIGN_UPS), help="Who may make an account.  [default: as it is]")
@click.option(
    "--domain", "domains", multiple=True, metavar="NAME",
    help="Mail domains for --sign-up domain; may be repeated.  [default: as they are]",
)  # fmt: skip
@click.option(
    "--approve/--no-approve", default=None, help="Whether new accounts wait for an admin.  [default: as it is]"
)
@click.option("--default-role", type=one_of(ROLES), help="Role of accounts that people make.  [default: as it is]")
@click.option("--link-sharing", type=one_of(LINK_SHARINGS), help="Who may open shared links.  [default: as it is]")
@click.option(
    "--session-days", type=click.IntRange(1, 3650), help="Days until unused sessions end.  [default: as it is]"
)
@click.option(
    "--admin-second-factor/--no-admin-second-factor", default=None,
    help="Whether who manages must have a second factor.  [default: as it is]",
)  # fmt: skip
@click.option(
    "--limit", "limits", multiple=True, type=(one_of(ROLES), click.Choice(_LIMITS), click.IntRange(0)),
    metavar="ROLE WHAT NUMBER",
    help="A limit of a role, 0 for none; may be repeated. WHAT is messages_per_day, tokens_per_day, messages_per_minute"
    " or storage_bytes.  [default: as they are]",
)  # fmt: skip
def set_(file: Path | None, limits: tuple[tuple[str, str, int], ...], **options: Options | int) -> None:
    """Change the policy; it holds at once. What is not named stays as it is.

    Exit codes: 0 changed, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """

    async def work(desk: Desk) -> None:
        from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest, UpdatePolicyRequest

        wanted = (await desk.policy.get_policy(GetPolicyRequest())).policy
        for field, words in (("sign_up", SIGN_UPS), ("default_role", ROLES), ("link_sharing", LINK_SHARINGS)):
            if (word := options[field]) is not None:
                setattr(wanted, field, words[str(word)])
        named = {
            "session_days": options["session_days"],
            "approve_sign_ups": options["approve"],
            "admins_need_second_factor": options["admin_second_factor"],
        }
        for field, value in named.items():
            if value is not None:
                setattr(wanted, field, value)
        if isinstance(domains := options["domains"], tuple) and domains:
            wanted.domains[:] = domains
        for role, what, number in limits:
            _limit(wanted, ROLES[role], what, number)
        _show((await desk.policy.update_policy(UpdatePolicyRequest(policy=wanted))).policy)

    at_desk(file, options, work)


def _limit(wanted: Policy, role: int, what: str, number: int) -> None:
    for each in wanted.limits:
        if each.role == role:
            setattr(each.limits, what, number)
            return
    added = wanted.limits.add(role=role)  # pyright: ignore[reportArgumentType]
    setattr(added.limits, what, number)


def _show(found: Policy) -> None:
    lines = {
        "sign-up": word_of(SIGN_UPS, found.sign_up),
        "domains": ", ".join(found.domains) or "none",
        "approve": "yes" if found.approve_sign_ups else "no",
        "default-role": word_of(ROLES, found.default_role),
        "link-sharing": word_of(LINK_SHARINGS, found.link_sharing),
        "session-days": str(found.session_days),
        "admin-second-factor": "yes" if found.admins_need_second_factor else "no",
    }
    for each in found.limits:
        set_ones = (f"{field.name} {value}" for field, value in each.limits.ListFields())
        lines[f"limit {word_of(ROLES, each.role)}"] = ", ".join(set_ones) or "none"
    for name, value in lines.items():
        click.echo(f"{name:<22} {value}")
