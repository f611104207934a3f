"""Page tokens: where a listing goes on. Opaque to clients, and no secret: access is checked with each page."""

from __future__ import annotations

import base64
import binascii

from fireside.core.errors import OutOfRangeError


def token(first: str, second: str) -> str:
    """A token of two words, the first without spaces."""
    return base64.urlsafe_b64encode(f"{first} {second}".encode()).decode().rstrip("=")


def time_token(text: str) -> tuple[int, str] | None:
    """The time (microseconds) and the id of a token; None for the first page. Raises OutOfRangeError."""
    if not text:
        return None
    time_us, last_id = _words(text)
    if not (time_us.isascii() and time_us.isdecimal()) or len(time_us) > 18:
        raise bad_page_token()
    return int(time_us), last_id


def words(text: str) -> tuple[str, str] | None:
    """Both words of a token; None for the first page. Raises OutOfRangeError."""
    return _words(text) if text else None


def token_within(text: str, listing: str) -> str:
    """The second word of a token whose first word is `listing`. Raises OutOfRangeError."""
    first, second = _words(text)
    if first != listing:
        raise bad_page_token()
    return second


def bad_page_token() -> OutOfRangeError:
    """The error for a token that is not one of the listing."""
    return OutOfRangeError(
        "PAGE_TOKEN_OUT_OF_RANGE", "The page token is not one of this listing: start at the first page."
    )


def _words(text: str) -> tuple[str, str]:
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        raise bad_page_token() from None
    first, space, second = decoded.partition(" ")
    if not space:
        raise bad_page_token()
    return first, second
