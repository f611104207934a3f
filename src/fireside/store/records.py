"""How records and their columns are told apart. Records are stored as the bytes that are streamed, without what columns hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from google.protobuf.timestamp_pb2 import Timestamp

from fireside.core.errors import AbortedError
from fireside.gen.v1 import conversation_pb2, message_pb2

if TYPE_CHECKING:
    from fireside.store.tx import Value

Resource = TypeVar("Resource", conversation_pb2.Conversation, message_pb2.Message)


def int_of(value: Value) -> int:
    """A column that holds integers."""
    return cast("int", value)


def str_of(value: Value) -> str:
    """A column that holds text."""
    return cast("str", value)


def bytes_of(value: Value) -> bytes:
    """A column that holds bytes."""
    return cast("bytes", value)


def us_of(timestamp: Timestamp) -> int:
    """Microseconds since the Unix epoch."""
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000


def timestamp_of(us: int) -> Timestamp:
    """A Timestamp from microseconds since the Unix epoch."""
    return Timestamp(seconds=us // 1_000_000, nanos=us % 1_000_000 * 1_000)


def revision_of(etag: str) -> int:
    """The revision behind an etag that core.ids.etag_of made. AbortedError for any other text."""
    try:
        return int(etag.removeprefix("r"), 16)
    except ValueError:
        raise AbortedError("STALE_ETAG", "The etag is not one of this resource; read it again.") from None


def copy_of(record: Resource) -> Resource:
    """A copy that its owner may change."""
    copy = type(record)()
    copy.CopyFrom(record)
    return copy
