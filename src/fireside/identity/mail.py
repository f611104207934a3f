"""Mail by SMTP, in threads of its own, so that no call waits for a mail server. What mails say is in mail_texts.py."""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fireside.core.errors import (
    FailedPreconditionError,
    FiresideError,
    InvalidArgumentError,
    ResourceExhaustedError,
    UnavailableError,
)
from fireside.identity import addresses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from fireside.identity.mail_texts import Text

logger = logging.getLogger(__name__)

_THREADS: Final = 2
_MOST_WAITING: Final = 200
_PORTS: Final = {"starttls": 587, "tls": 465, "off": 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOptions:
    """Where mails go, and from whom."""

    host: str = ""
    """The mail server; empty for no mail."""

    port: int = 0
    """0 for the usual one of `security`."""

    security: str = "starttls"
    """`starttls`, `tls` or `off`."""

    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""
    """The address that mails come from."""

    public_url: str = ""
    """What links start with. It is a setting, never what a request calls the server: whoever asks for somebody's link
    must not choose where it leads."""

    timeout: float = 20.0
    """Seconds that the mail server may take for each step."""

    retries: tuple[float, ...] = (5.0, 60.0)
    """Seconds to wait before each further try of a mail that is sent in the background."""

    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    """What is trusted."""


class Mail:
    """Sends mails, if there is a mail server. `aclose` at the end."""

    def __init__(self, options: MailOptions) -> None:
        self._options = options
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="fireside-mail")
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0

    @property
    def configured(self) -> bool:
        """Whether mails can be sent."""
        return bool(self._options.host)

    def url(self, path: str) -> str:
        """The whole address of a path such as `/join#TOKEN`."""
        return self._options.public_url + path

    async def send(self, to: str, subject: str, text: str) -> None:
        """Sends a mail and returns once the mail server has taken it.

        FailedPreconditionError (NO_MAIL). InvalidArgumentError (EMAIL_INVALID). UnavailableError (MAIL_FAILED): the
        server is away, or will not take it. ResourceExhaustedError (MAIL_BUSY): too many wait already.
        """
        if not self.configured:
            raise FailedPreconditionError("NO_MAIL", "This server sends no mail; ask an admin.")
        if self._waiting >= _MOST_WAITING:
            raise ResourceExhaustedError(
                "MAIL_BUSY", "Too many mails wait to be sent; try again later.", retry_after=60
            )
        self._waiting += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._deliver, to, subject, text)
        except (OSError, smtplib.SMTPException, ValueError, HeaderParseError) as error:
            # What the mail server says may hold the address, which is nobody else's business.
            logger.warning("A mail was not sent: %s", _reason(error))
            raise UnavailableError("MAIL_FAILED", "The mail could not be sent; try again later.") from error
        finally:
            self._waiting -= 1

    async def check(self) -> None:
        """Calls the mail server as for a mail, but sends none. UnavailableError (MAIL_FAILED), with what is wrong."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._call)
        except (OSError, smtplib.SMTPException) as error:
            raise UnavailableError("MAIL_FAILED", f"The mail server cannot be used: {_reason(error)}.") from error

    def send_later(self, to: str, text: Text) -> None:
        """Sends a mail in the background, with a few tries; what fails is told in the log alone."""
        self.begin(lambda: self._try(to, text))

    def begin(self, work: Callable[[], Awaitable[None]]) -> None:
        """Runs what ends in a mail in the background, so that how long it takes tells a caller nothing."""
        if len(self._tasks) >= _MOST_WAITING:
            logger.warning("A mail was not sent: too many wait already")
            return
        task = asyncio.create_task(_watched(work), name="send a mail")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Gives up what was not sent yet."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _try(self, to: str, text: Text) -> None:
        for pause in (*self._options.retries, None):
            try:
                return await self.send(to, text.subject, text.body)
            except FiresideError as error:
                if pause is None or isinstance(error, InvalidArgumentError):
                    return None
                await asyncio.sleep(pause)
        return None

    def _deliver(self, to: str, subject: str, text: str) -> None:
        message = _message(self._options.sender, to, subject, text)
        with self._connected() as server:
            server.send_message(message, self._options.sender, [to.strip()])

    def _call(self) -> None:
        with self._connected() as server:
            server.noop()

    @contextmanager
    def _connected(self) -> Generator[smtplib.SMTP]:
        options = self._options
        name = urlsplit(options.public_url).hostname or "localhost"
        port = options.port or _PORTS[options.security]
        if options.security == "tls":
            server = smtplib.SMTP_SSL(options.host, port, name, timeout=options.timeout, context=options.tls())
        else:
            server = smtplib.SMTP(options.host, port, name, timeout=options.timeout)
        with server:
            if options.security == "starttls":
                server.starttls(context=options.tls())
            if options.user:
                server.login(options.user, options.password)
            yield server


async def _watched(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:  # nobody waits for it who could be told
        logger.exception("A mail was not sent")


def _message(sender: str, to: str, subject: str, text: str) -> EmailMessage:
    """Raises InvalidArgumentError (EMAIL_INVALID)."""
    message = EmailMessage(SMTP)
    message["From"] = Address("Fireside", addr_spec=sender)
    local, _, domain = addresses.checked(to).rpartition("@")
    message["To"] = Address(username=local, domain=domain)
    message["Subject"] = subject
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    # So that nobody's holiday answer comes back.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answered {error.smtp_code}"
    if isinstance(error, smtplib.SMTPException | HeaderParseError | ValueError):
        return type(error).__name__
    return str(error) or type(error).__name__
