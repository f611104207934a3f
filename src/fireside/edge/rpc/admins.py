"""Who manages, of a call of one of the services for that. That they may has been checked already (edge/access.py)."""

from __future__ import annotations

from fireside.core.principal import LOCAL
from fireside.edge.access import incoming
from fireside.identity.people import Admin
from fireside.identity.sessions import single_user


def admin() -> Admin:
    """Who calls, from where. FailedPreconditionError (SINGLE_USER): there are no accounts to manage."""
    call = incoming()
    if call.principal.id == LOCAL.id and not call.principal.credential:
        raise single_user()
    return Admin(call.principal, call.origin)
