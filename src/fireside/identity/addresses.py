"""Mail addresses as people type them. Pure. Whether one exists only a mail can tell."""

from __future__ import annotations

import re
from typing import Final

from fireside.core.errors import FieldViolation, InvalidArgumentError

# One address, and in a header or a command to a mail server still one. Quoted names are allowed in theory alone.
_ADDRESS: Final = re.compile(r"""[^\s@()<>\[\]:;,\\"]+@[^\s@()<>\[\]:;,\\"]+""")


def checked(email: str) -> str:
    """The address without blanks around it. InvalidArgumentError (EMAIL_INVALID): nobody can have it."""
    email = email.strip()
    if not _ADDRESS.fullmatch(email) or not email.isprintable():
        raise InvalidArgumentError(
            "EMAIL_INVALID",
            "This is not a mail address; check it for typing errors.",
            violations=(FieldViolation("email", "must be like name@example.org"),),
        )
    return email


def domain_of(email: str) -> str:
    """What is behind the @, in lower case."""
    return email.rpartition("@")[2].lower()
