"""A real SMTP server on a port of its own, and the mails that it took."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

USER, PASSWORD = "fireside", "a secret of the mail server"


@dataclass
class Mailbox:
    """What was sent, and how the server answers."""

    port: int = 0
    refusals: list[str] = field(default_factory=list[str])
    """What the next mails are answered with instead of being taken."""

    envelopes: list[Envelope] = field(default_factory=list[Envelope])
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def mails(self) -> list[EmailMessage]:
        """The mails in the order in which they came."""
        return [_parsed(envelope) for envelope in self.envelopes]

    async def arrived(self, count: int = 1, within: float = 5.0) -> list[EmailMessage]:
        """Returns the mails once there are so many."""
        async with asyncio.timeout(within):
            while len(self.envelopes) < count:
                await self._news.wait()
                self._news.clear()
        return self.mails

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        """Takes a mail, or not."""
        if self.refusals:
            return self.refusals.pop(0)
        self.envelopes.append(envelope)
        self._news.set()
        return "250 OK"


@asynccontextmanager
async def smtp_server(
    tls: ssl.SSLContext | None = None, *, starttls: bool = True, sign_in: bool = False
) -> AsyncIterator[Mailbox]:
    """Takes mails on a port of its own; with `tls` in the way that `starttls` says, with `sign_in` from USER alone."""
    mailbox = Mailbox()

    def protocol() -> SMTP:
        # That a password without TLS is unsafe is known: it is what a test wants to see.
        with warnings.catch_warnings(action="ignore"):
            return SMTP(
                mailbox,
                hostname="mail.test",
                enable_SMTPUTF8=True,
                tls_context=tls if starttls else None,
                require_starttls=tls is not None and starttls,
                authenticator=_authenticate if sign_in else None,
                auth_required=sign_in,
                auth_require_tls=False,
            )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=None if starttls else tls)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()


def _authenticate(_server: SMTP, _session: object, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


def _parsed(envelope: Envelope) -> EmailMessage:
    content = envelope.content or b""
    return email.message_from_bytes(
        content if isinstance(content, bytes) else content.encode(), policy=email.policy.default
    )  # pyright: ignore[reportReturnType] - the policy makes it one
