"""What a backend's HTTP status and words mean, as an error for a person. Shared by all who speak HTTP; does no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from fireside.core.errors import (
    FiresideError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fireside.runners.base import Embeddings

_LONGEST_WAIT = 3600.0
_LONGEST_QUOTE = 500
_TOO_LONG = re.compile(
    r"exceed_context_size|context_length_exceeded|(maximum|model'?s?|available|exceeds?\b.*) context (length|size|window)"
    r"|context (length|size|window) exceeded|(prompt|input)( is)? too long|too many (input |prompt )?tokens"
    r"|exceeds?\b.*\bcontext\b",
    re.IGNORECASE | re.DOTALL,
)
_NO_MODEL = re.compile(
    r"model_not_found|\bmodels?\b.*(not found|does ?n[o']t exist|not exist|unknown|is not a valid)|(unknown|no such|invalid|not a valid) model",
    re.IGNORECASE | re.DOTALL,
)
_NO_EMBEDDINGS = re.compile(r"not support\w* .*embed|embed.*not support", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a backend said instead of an answer.

    `status` is the HTTP status; `code` is its own name of the error, empty if it has none; the counts are in tokens,
    0 where it does not say; `retry_after` is in seconds, None where it does not say.
    """

    status: int
    message: str = ""
    code: str = ""
    prompt_tokens: int = 0
    context_tokens: int = 0
    retry_after: float | None = None
    model: str = ""

    def error(self) -> FiresideError:
        """The error to raise."""
        words = f"{self.code} {self.message}"
        if self.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or (self.status < 500 and _TOO_LONG.search(words)):
            return self._too_long()
        if self.code == "exceed_context_size_error":
            return self._too_long()
        if self.status < 500 and _NO_MODEL.search(words):
            return _no_model(self.model, self._quote())
        return self._by_status()

    def _by_status(self) -> FiresideError:
        wait = 1.0 if self.retry_after is None else self.retry_after
        match self.status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return UnavailableError(
                    "RUNNER_UNAUTHORIZED",
                    f"The runner refused the API key: it is wrong or missing, or may not do this. It says: {self._quote()}",
                    retry_after=60.0,
                )
            case HTTPStatus.TOO_MANY_REQUESTS:
                return ResourceExhaustedError(
                    "RUNNER_RATE_LIMITED",
                    f"The runner takes no more requests for now. It says: {self._quote()}",
                    retry_after=wait,
                )
            case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
                return UnavailableError(
                    "RUNNER_FAILED",
                    f"The runner has nothing at this address: is it the right one? It says: {self._quote()}",
                )
            case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
                return InvalidArgumentError("RUNNER_REFUSED", f"The model refused the request: {self._quote()}")
            case status if 300 <= status < 400:
                return UnavailableError(
                    "RUNNER_FAILED",
                    f"The runner has moved: set the address that it points to. It says: {self._quote()}",
                )
            case _:
                return UnavailableError("RUNNER_FAILED", f"The model failed: {self._quote()}", retry_after=wait)

    def embedding_error(self) -> FiresideError:
        """The error to raise when vectors were asked for."""
        if self.code == "not_an_embedding_model" or _NO_EMBEDDINGS.search(self.message):
            return not_an_embedding_model(self.model)
        return self.error()

    def _too_long(self) -> FiresideError:
        if self.prompt_tokens and self.context_tokens:
            counts = f"it has {self.prompt_tokens} tokens, and {self.context_tokens} fit"
        else:
            counts = f"it says: {self._quote()}"
        return InvalidArgumentError(
            "PROMPT_TOO_LONG",
            f"This conversation is too long for the model: {counts.rstrip('.')}. "
            "Start a new conversation, or edit an earlier message to go on from there.",
            prompt_tokens=str(self.prompt_tokens),
            context_tokens=str(self.context_tokens),
        )

    def _quote(self) -> str:
        return " ".join(self.message.split())[:_LONGEST_QUOTE] or self.code or f"status {self.status}"


def _no_model(model: str, quote: str) -> NotFoundError:
    return NotFoundError("MODEL_NOT_FOUND", f"The runner has no model named {model!r}. It says: {quote}", model=model)


def not_offered(model: str) -> NotFoundError:
    """For a model that the runner's settings leave out."""
    return NotFoundError("MODEL_NOT_FOUND", f"The runner is not set up to offer the model {model!r}.", model=model)


def not_an_embedding_model(model: str) -> InvalidArgumentError:
    """For a model that makes no vectors."""
    return InvalidArgumentError(
        "NOT_AN_EMBEDDING_MODEL", f"{model!r} does not turn texts into vectors. Choose an embedding model.", model=model
    )


def garbage(what: str) -> UnavailableError:
    """For an answer that is not what the protocol says."""
    return UnavailableError("RUNNER_FAILED", f"The model's answer could not be read ({what}).")


def complete(found: Embeddings, texts: Sequence[str]) -> Embeddings:
    """`found`, which must have a vector for each text: else UnavailableError (RUNNER_FAILED)."""
    if len(found.vectors) != len(texts):
        raise garbage(f"{len(found.vectors)} vectors for {len(texts)} texts")
    return found


def died() -> UnavailableError:
    """For an answer that was cut off."""
    return UnavailableError("RUNNER_DIED", "The runner broke off in mid-answer. Try again.")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the headers Retry-After (seconds or a date) or Retry-After-Ms; None without a sensible one.

    Names of `headers` are in lower case.
    """
    value = headers.get("retry-after", "").strip()
    try:
        if milliseconds := headers.get("retry-after-ms"):
            seconds = float(milliseconds) / 1000
        elif re.fullmatch(r"\d+(\.\d+)?", value):
            seconds = float(value)
        elif value:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        else:
            return None
    except (ValueError, TypeError):
        return None
    return min(_LONGEST_WAIT, max(0.0, seconds))
