"""Mail against a real SMTP server: protected as set, one mail to one person, and a server that is away blocks nobody."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from fireside.core.errors import FailedPreconditionError, InvalidArgumentError, UnavailableError
from fireside.edge.tls import TlsFiles, ensure_local
from fireside.identity.mail import Mail, MailOptions
from fireside.identity.mail_texts import Text
from tests.smtp_server import PASSWORD, USER, Mailbox, smtp_server

TO, SUBJECT, TEXT = "ann@example.org", "您好 hello", "One.\n\nTwo: https://chat.example.org/reset#token\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return ensure_local(tmp_path_factory.mktemp("tls"), ["127.0.0.1"])


@pytest.fixture
def server_tls(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


@pytest.fixture
def trust(files: TlsFiles) -> Callable[[], ssl.SSLContext]:
    return lambda: ssl.create_default_context(cafile=str(files.authority))


@asynccontextmanager
async def mail_to(mailbox: Mailbox, **options: object) -> AsyncIterator[Mail]:
    given = {
        "host": "127.0.0.1",
        "port": mailbox.port,
        "security": "off",
        "sender": "fireside@example.org",
        "public_url": "https://chat.example.org",
        "timeout": 5.0,
        "retries": (0.0, 0.0),
        **options,
    }
    mail = Mail(MailOptions(**given))  # pyright: ignore[reportArgumentType]
    try:
        yield mail
    finally:
        await mail.aclose()


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with smtp_server() as mailbox, mail_to(mailbox) as mail:
        await mail.send(TO, SUBJECT, TEXT)
        (arrived,) = mailbox.mails
        assert mailbox.envelopes[0].rcpt_tos == [TO]
    assert (arrived["subject"], arrived["to"], arrived["from"]) == (SUBJECT, TO, "Fireside <fireside@example.org>")
    assert arrived.get_content().replace("\r\n", "\n") == TEXT
    assert arrived.get_content_type() == "text/plain"
    assert arrived["date"]
    assert arrived["message-id"].endswith("@example.org>")
    assert arrived["auto-submitted"] == "auto-generated"


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_is_protected_and_the_server_proves_who_it_is(
    security: str, server_tls: ssl.SSLContext, trust: Callable[[], ssl.SSLContext]
) -> None:
    async with smtp_server(server_tls, starttls=security == "starttls", sign_in=True) as mailbox:
        async with mail_to(mailbox, security=security, tls=trust, user=USER, password=PASSWORD) as mail:
            await mail.send(TO, SUBJECT, TEXT)
        assert len(mailbox.mails) == 1
        # With what the system trusts, which does not have this authority.
        async with mail_to(mailbox, security=security, user=USER, password=PASSWORD) as mail:
            with pytest.raises(UnavailableError):
                await mail.send(TO, SUBJECT, TEXT)
        assert len(mailbox.mails) == 1


async def test_nothing_is_sent_in_the_clear_where_it_should_be_protected() -> None:
    async with smtp_server() as mailbox, mail_to(mailbox, security="starttls") as mail:
        with pytest.raises(UnavailableError):
            await mail.send(TO, SUBJECT, TEXT)
        assert not mailbox.mails


async def test_a_wrong_password_is_told_without_it(caplog: pytest.LogCaptureFixture) -> None:
    async with smtp_server(sign_in=True) as mailbox, mail_to(mailbox, user=USER, password="guess-me-not") as mail:
        with pytest.raises(UnavailableError) as caught:
            await mail.send(TO, SUBJECT, TEXT)
        assert caught.value.reason == "MAIL_FAILED"
    assert "535" in caplog.text
    assert "guess-me-not" not in caplog.text
    assert "ann@" not in caplog.text


async def test_a_name_may_be_in_any_script() -> None:
    async with smtp_server() as mailbox, mail_to(mailbox) as mail:
        await mail.send("用户@example.org", SUBJECT, TEXT)
        assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [["用户@example.org"]]


@pytest.mark.parametrize(
    "address",
    [
        "ann,ben@example.org",
        "ann@example.org,ben@example.org",
        "<ann@example.org>",
        '"ann ben"@example.org',
        "ann@example.org\r\nBcc: ben@example.org",
        "ann@example.org\0",
        "ann",
        "@",
        "",
    ],
)
async def test_a_mail_goes_to_one_address(address: str) -> None:
    async with smtp_server() as mailbox, mail_to(mailbox) as mail:
        with pytest.raises(InvalidArgumentError) as caught:
            await mail.send(address, SUBJECT, TEXT)
        assert caught.value.reason == "EMAIL_INVALID"
        assert not mailbox.envelopes


async def test_a_server_that_is_away_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = Mailbox(port=unused.getsockname()[1])
        async with mail_to(nobody) as mail:
            with pytest.raises(UnavailableError):
                await mail.send(TO, SUBJECT, TEXT)


async def test_a_mail_in_the_background_is_tried_again() -> None:
    async with smtp_server() as mailbox, mail_to(mailbox) as mail:
        mailbox.refusals += ["451 later", "554 no"]
        mail.send_later(TO, Text(SUBJECT, TEXT))
        assert len(await mailbox.arrived()) == 1


async def test_a_mail_in_the_background_is_given_up_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async with smtp_server() as mailbox:
        async with mail_to(mailbox, retries=(600.0,)) as mail:
            mailbox.refusals += ["451 later"]
            mail.send_later(TO, Text(SUBJECT, TEXT))
        assert not mailbox.mails


async def test_whether_it_can_be_used_is_told_without_a_mail() -> None:
    async with smtp_server(sign_in=True) as mailbox:
        async with mail_to(mailbox, user=USER, password=PASSWORD) as mail:
            await mail.check()
        async with mail_to(mailbox, user=USER, password="wrong") as mail:
            with pytest.raises(UnavailableError, match="535"):
                await mail.check()
        assert not mailbox.mails


async def test_without_a_server_there_is_no_mail() -> None:
    mail = Mail(MailOptions())
    assert not mail.configured
    with pytest.raises(FailedPreconditionError) as caught:
        await mail.send(TO, SUBJECT, TEXT)
    assert caught.value.reason == "NO_MAIL"
    await mail.aclose()
