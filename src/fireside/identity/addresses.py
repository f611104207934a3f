"""Mail addresses as people type them. Pure. Whether one exists only a mail can tell."""

from __future__ import annotations

from fireside.core.errors import FieldViolation, InvalidArgumentError


def checked(email: str) -> str:
    """The address without blanks around it. InvalidArgumentError (EMAIL_INVALID): nobody can have it."""
    email = email.strip()
    local, at, domain = email.rpartition("@")
    if not (local and at and domain) or "@" in local or not email.isprintable() or any(map(str.isspace, email)):
        raise InvalidArgumentError(
            "EMAIL_INVALID",
            "This is not a mail address; check it for typing errors.",
            violations=(FieldViolation("email", "must be like name@example.org"),),
        )
    return email


def domain_of(email: str) -> str:
    """What is behind the @, in lower case."""
    return email.rpartition("@")[2].lower()
