"""What `fireside login` and `fireside logout` say to the server. Apart from login.py, so that no other command loads a client."""

from __future__ import annotations

import platform
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from connectrpc.client import ResponseMetadata
from connectrpc.code import Code
from connectrpc.errors import ConnectError

from fireside.cli import credentials
from fireside.cli.failure import CommandError
from fireside.cli.link import open_link, refused
from fireside.gen.v1.account_service_pb2 import CreateApiKeyRequest
from fireside.gen.v1.auth_service_pb2 import (
    CompleteSignInRequest,
    GetAuthStateRequest,
    SignInRequest,
    SignInResponse,
    SignOutRequest,
)

if TYPE_CHECKING:
    from fireside.cli.link import Link
    from fireside.config import ClientConfig


async def sign_in(config: ClientConfig, email: str) -> None:
    """Makes a key with what a person types, and keeps it. Raises CommandError."""
    link = open_link(config, key="")
    try:
        state = await link.auth.get_auth_state(GetAuthStateRequest())
        if state.single_user:
            click.echo(f"{config.url} has no accounts: there is nothing to sign in to.")
            return
        if state.needs_set_up:
            raise CommandError(f"{config.url} has no admin yet: open it in a browser first.")
        email = email or _asked("E-mail")
        cookie = await _signed_in(link, email, _asked("Password", hidden=True))
        name = f"fireside login on {platform.node() or 'a terminal'}"[:100]
        made = await link.account.create_api_key(CreateApiKeyRequest(name=name), headers={"cookie": cookie})
        await link.auth.sign_out(SignOutRequest(), headers={"cookie": cookie})
        credentials.keep(config, made.secret)
        click.echo(f"Signed in to {config.url} as {email}. `fireside logout` ends it.")
    except ConnectError as error:
        if error.code is Code.UNAUTHENTICATED:  # `refused` would send this person to the command that they are in
            raise CommandError(error.message) from error
        raise refused(error, link.url) from error
    finally:
        await link.aclose()


async def _signed_in(link: Link, email: str, password: str) -> str:
    """The cookie of a new session."""
    with ResponseMetadata() as metadata:
        answer = await link.auth.sign_in(SignInRequest(email=email, password=password))
        cookie = _cookie(metadata)
    if answer.pending:
        raise CommandError("The account waits for an admin's approval.")
    if not answer.HasField("second_factor"):
        return cookie
    return await _completed(link, answer)


async def _completed(link: Link, answer: SignInResponse) -> str:
    needed = answer.second_factor
    if not (needed.totp or needed.recovery_code):
        raise CommandError("The account wants a passkey: make a key in the web app and set FIRESIDE_API_KEY.")
    code = _asked("Code of the authenticator app, or a recovery code").replace(" ", "")
    request = CompleteSignInRequest(challenge=needed.challenge)
    if code.isdecimal() and len(code) == 6:
        request.totp_code = code
    else:
        request.recovery_code = code
    with ResponseMetadata() as metadata:
        await link.auth.complete_sign_in(request)
        return _cookie(metadata)


def _cookie(metadata: ResponseMetadata) -> str:
    return (metadata.headers.get("set-cookie") or "").partition(";")[0]


def _asked(what: str, *, hidden: bool = False) -> str:
    """What a person types, or the next line of a pipe."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=hidden, err=True))
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        raise CommandError(f"{what} is asked for, and the standard input has ended.")
    return line


async def sign_out(config: ClientConfig) -> None:
    """Ends the key that was kept for the server, and forgets it."""
    key = credentials.key_for(config)
    if not key:
        click.echo(f"Nobody is signed in to {config.url} here.")
        return
    link = open_link(config)
    try:
        # A key that has ended, or a server that is gone, is no reason to keep it.
        with suppress(ConnectError):
            await link.auth.sign_out(SignOutRequest())
    finally:
        await link.aclose()
    credentials.keep(config, "")
    click.echo(f"Signed out from {config.url}.")
