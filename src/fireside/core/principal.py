"""Who is asking, and from where. Not how they proved it (identity/), nor what permissions mean (identity/policy.py)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """The account in whose name a call is made; every stored row belongs to one."""

    id: str
    """The account's id; empty for nobody."""

    permissions: frozenset[int] = frozenset()
    """Numbers of fireside.v1.Permission."""

    role: int = 0
    """A number of fireside.v1.AccountRole."""

    groups: frozenset[str] = frozenset()
    """Ids of the account's groups."""

    name: str = ""
    """What others see."""

    email: str = ""
    credential: str = ""
    """Id of the session or key that the call came with; when that is revoked, the call ends. Empty for none."""

    by_session: bool = False
    """Whether it came with a session, as a person's browser does, and not with an API key."""

    expire_us: int = 0
    """When (microseconds) the credential ends if it is not used before; 0 for never."""


ANONYMOUS = Principal(id="")
"""Nobody has signed in."""

# Also those that a later version knows.
_EVERYTHING = frozenset(range(1, 200))
LOCAL = Principal(id="local", permissions=_EVERYTHING, role=1, by_session=True)
"""The one account of a server without sign-in. With accounts, the first admin takes it over."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call comes from, as far as is known."""

    address: str = ""
    """The network address, without a port."""

    device: str = ""
    """The User-Agent header, cut to 300 characters."""

    secure: bool = False
    """Whether it came over TLS."""

    host: str = ""
    """The Host header: the name under which the server was called, with its port."""
