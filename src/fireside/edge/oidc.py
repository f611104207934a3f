"""Signing in at a provider, as a browser goes: `/auth/oidc/NAME/start` sends it there, `/auth/oidc/NAME/callback` takes it
back. What is proved is identity's. Errors lead to the sign-in screen, which has the words for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote, urlsplit

from fireside.core.errors import FiresideError
from fireside.core.principal import LOCAL
from fireside.edge.access import incoming
from fireside.edge.cookies import cookie_of, session_cookie
from fireside.edge.errors import status_of
from fireside.edge.plain import Reply, send_reply
from fireside.edge.request import client_of, headers_of
from fireside.gen.v1 import permission_pb2
from fireside.identity.provider_sign_in import PENDING_SECONDS, Returned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fireside.core.principal import Origin
    from fireside.edge.access import Access
    from fireside.edge.plain import Scope, Send
    from fireside.identity.provider_sign_in import ProviderSignIn
    from fireside.identity.sign_in import SignIn

PREFIX: Final = "/auth/oidc/"
_PATH = re.compile(r"/auth/oidc/([a-z0-9-]{1,40})/(start|callback)")
_COOKIE, _SECURE_COOKIE = "fireside-oidc", "__Host-fireside-oidc"
_MOST_CHARACTERS = 2000
_HEADERS = ((b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer"))


class ProviderDoor:
    """The application."""

    def __init__(self, providers: ProviderSignIn, sign_in: SignIn, access: Access) -> None:
        self._providers = providers
        self._sign_in = sign_in
        self._access = access

    async def __call__(self, scope: Scope, send: Send) -> None:
        """Serves a request. Only GET: whoever asks for the head begins nothing."""
        match = _PATH.fullmatch(scope["path"])
        if match is None:
            reply = Reply(404, b"There is no such page.\n")
        elif scope["method"] != "GET":
            reply = Reply(405, b"Only GET.\n", headers=((b"allow", b"GET"),))
        else:
            reply = await self._reply(match[1], match[2], scope)
        await send_reply(send, reply, head=scope["method"] == "HEAD")

    async def _reply(self, name: str, step: str, scope: Scope) -> Reply:
        try:
            headers = headers_of(scope)
            principal = await self._access.admit(headers, client_of(scope), permission_pb2.PERMISSION_PUBLIC)
            if principal == LOCAL:
                return _to("/")
            query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20)
            given = {key: values[0] for key, values in query.items() if len(values) == 1}
            origin = incoming().origin
            if step == "start":
                return await self._start(name, given, origin)
            kept = cookie_of(headers.get("cookie") or "", _cookie_name(origin))
            return await self._callback(name, given, kept, origin)
        except FiresideError as error:
            return _failed(error.reason)
        except Exception as error:  # noqa: BLE001 - what is not meant for clients becomes a line in the log
            return _failed(status_of(error).reason)

    async def _start(self, name: str, given: Mapping[str, str], origin: Origin) -> Reply:
        base, next_path = self._base(origin), local_path(given.get("next", ""))
        if urlsplit(base).netloc != origin.host:
            # The provider sends people back to the public address: what they keep has to be kept there.
            return _to(f"{base}{PREFIX}{name}/start?next={quote(next_path, safe='')}")
        url, kept = await self._providers.begin(name, self._redirect_uri(name, origin), next_path)
        return _to(url, _cookie(origin, kept, PENDING_SECONDS))

    async def _callback(self, name: str, given: Mapping[str, str], kept: str, origin: Origin) -> Reply:
        returned = Returned(*(given.get(key, "") for key in ("state", "code", "iss", "error")))
        gone = _cookie(origin, "", 0)
        try:
            done, next_path = await self._providers.finish(
                name, kept, returned, self._redirect_uri(name, origin), origin
            )
        except FiresideError as error:
            return _failed(error.reason, gone)
        if done.pending:
            return _failed("ACCOUNT_PENDING", gone)
        await self._sign_in.replace_session(incoming().principal)
        return _to(next_path, gone, session_cookie(origin, done.token))

    def _redirect_uri(self, name: str, origin: Origin) -> str:
        return f"{self._base(origin)}{PREFIX}{name}/callback"

    def _base(self, origin: Origin) -> str:
        return self._providers.public_url or f"{'https' if origin.secure else 'http'}://{origin.host}"


def local_path(text: str) -> str:
    """The path if it is one of this server's pages; `/` for all else, such as what browsers take for another host."""
    plain = text.isascii() and text.isprintable() and "\\" not in text and len(text) <= _MOST_CHARACTERS
    return text if plain and re.match(r"/(?!/|auth/)", text) else "/"


def _to(url: str, *cookies: str) -> Reply:
    set_cookies = ((b"set-cookie", cookie.encode()) for cookie in cookies)
    return Reply(302, b"", headers=(*_HEADERS, (b"location", url.encode()), *set_cookies))


def _failed(reason: str, *cookies: str) -> Reply:
    return _to(f"/signin#error={quote(reason)}", *cookies)


def _cookie_name(origin: Origin) -> str:
    return _SECURE_COOKIE if origin.secure else _COOKIE


def _cookie(origin: Origin, value: str, age: int) -> str:
    # Lax: the provider's site sends the browser back by a link, and Strict cookies would stay behind.
    secure = "; Secure" if origin.secure else ""
    return f"{_cookie_name(origin)}={value}; Max-Age={age}; Path=/; HttpOnly; SameSite=Lax{secure}"
