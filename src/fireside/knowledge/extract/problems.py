"""What can be wrong with a document, as errors that tell a person what to do. Not what can happen to the process: sandbox.py."""

from __future__ import annotations

from fireside.core.errors import FiresideError, InvalidArgumentError, UnimplementedError


def damaged(why: str) -> InvalidArgumentError:
    """The file is not what its format asks for. `why` is a clause."""
    return InvalidArgumentError(
        "DOCUMENT_DAMAGED",
        f"This file cannot be read: {why}. Open it in its program, save it again and upload it anew.",
    )


def encrypted() -> InvalidArgumentError:
    """The file needs a password."""
    return InvalidArgumentError(
        "DOCUMENT_ENCRYPTED", "This file is protected by a password. Save it without one and upload it anew."
    )


def too_large(what: str) -> InvalidArgumentError:
    """Reading it would take more than is good. `what` is a clause."""
    return InvalidArgumentError(
        "DOCUMENT_TOO_LARGE", f"This file is not read because {what}. Divide it into smaller files and upload those."
    )


def unknown(name: str, hint: str = "") -> InvalidArgumentError:
    """No extractor reads it."""
    what = hint or (
        "Files that can be read are PDF, Word, PowerPoint, Excel, CSV, HTML, Markdown, text and code, EPUB, e-mail and pictures."
    )
    return InvalidArgumentError("FORMAT_UNKNOWN", f"There is no reader for the format of {name or 'this file'}. {what}")


def extra_missing(extra: str, what: str) -> UnimplementedError:
    """A library is not installed."""
    return UnimplementedError(
        "EXTRA_MISSING",
        f"{what} needs more to be installed: pip install 'fireside[{extra}]'. Then have the document read again.",
    )


TELLABLE: dict[str, type[FiresideError]] = {
    "invalid": InvalidArgumentError,
    "unimplemented": UnimplementedError,
}
"""The errors that an extractor may raise, by what they are called between the processes."""
