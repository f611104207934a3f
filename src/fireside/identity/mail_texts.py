"""What mails say, in English and Chinese. Pure: texts in, texts out."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own.

from __future__ import annotations

from typing import Final, NamedTuple


class Text(NamedTuple):
    """A mail."""

    subject: str
    body: str


class _Wording(NamedTuple):
    subject: str
    body: str


_ENGLISH: Final = {
    "invitation": _Wording(
        "You are invited to Fireside",
        "{name} invites you to Fireside. Open this link to make your account:\n\n{url}\n\n"
        "It can be used once, until it ends. If you did not expect this, ignore it.\n",
    ),
    "reset": _Wording(
        "Set a new password",
        "Somebody, hopefully you, wants to set a new password for your account. Open this link to do so:\n\n{url}\n\n"
        "It can be used once, within an hour. If it was not you, ignore this mail: your password stays as it is.\n",
    ),
    "confirm": _Wording(
        "Confirm your address",
        "Welcome to Fireside. Open this link to confirm your address and to sign in:\n\n{url}\n\n"
        "It can be used once, within a day. If you did not sign up, ignore this mail: no account is made.\n",
    ),
    "taken": _Wording(
        "You have an account already",
        "Somebody, hopefully you, tried to sign up with your address. You have an account already. Sign in here:\n\n"
        "{url}\n\nIf you forgot your password, you can set a new one there. If it was not you, ignore this mail.\n",
    ),
    "moved": _Wording(
        "Your address was changed",
        "You sign in to Fireside with another address from now on: {name}\n\n"
        "If it was not you who changed it, ask an admin of the server at once:\n\n{url}\n",
    ),
}
_CHINESE: Final = {
    "invitation": _Wording(
        "邀请您使用 Fireside",
        "{name} 邀请您使用 Fireside。请打开以下链接创建账户：\n\n{url}\n\n"
        "该链接在到期前只能使用一次。如果您并未预期收到此邮件，请忽略。\n",
    ),
    "reset": _Wording(
        "设置新密码",
        "有人（应该是您本人）要为您的账户设置新密码。请打开以下链接：\n\n{url}\n\n"
        "该链接在一小时内有效，只能使用一次。如果不是您本人，请忽略此邮件，您的密码不会改变。\n",
    ),
    "confirm": _Wording(
        "确认您的邮箱地址",
        "欢迎使用 Fireside。请打开以下链接确认您的邮箱地址并登录：\n\n{url}\n\n"
        "该链接在一天内有效，只能使用一次。如果您没有注册，请忽略此邮件，不会创建任何账户。\n",
    ),
    "taken": _Wording(
        "您已经有账户",
        "有人（应该是您本人）尝试用您的邮箱地址注册。您已经有账户，请在此登录：\n\n{url}\n\n"
        "如果忘记了密码，可以在那里设置新密码。如果不是您本人，请忽略此邮件。\n",
    ),
    "moved": _Wording(
        "您的登录邮箱已更改",
        "从现在起，您使用另一个邮箱地址登录 Fireside：{name}\n\n"
        "如果不是您本人更改的，请立即联系服务器管理员：\n\n{url}\n",
    ),
}


def invitation(language: str, invited_by: str, url: str) -> Text:
    """To somebody who may make an account."""
    return _text("invitation", language, url, invited_by)


def reset(language: str, url: str) -> Text:
    """To somebody who forgot their password."""
    return _text("reset", language, url)


def confirm(language: str, url: str) -> Text:
    """To somebody who signs up."""
    return _text("confirm", language, url)


def taken(language: str, url: str) -> Text:
    """To the owner of an account with whose address somebody signs up."""
    return _text("taken", language, url)


def moved(language: str, new_address: str, url: str) -> Text:
    """To the address that an account was signed in to with until now."""
    return _text("moved", language, url, new_address)


def _text(kind: str, language: str, url: str, name: str = "") -> Text:
    """`language` is a language tag, or empty."""
    wording = (_CHINESE if language.lower().split("-")[0] == "zh" else _ENGLISH)[kind]
    # One line, whatever somebody calls themselves.
    name = " ".join(name.split())
    return Text(wording.subject, wording.body.replace("{url}", url).replace("{name}", name))
