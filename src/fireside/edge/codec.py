"""connectrpc codecs for google.protobuf: pre-serialised answers go out as they are, requests are validated when decoded.

Not where answers are built. A handler of a stream yields `bytes` that are a serialised response message; for JSON the
handler's `answers` (rpc/streams.py) turns them into messages first, so the codecs need not know the type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from connectrpc.codec import Codec
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from fireside.core.errors import InvalidArgumentError
from fireside.edge.errors import connect_error, invalid_request

if TYPE_CHECKING:
    from fireside.edge.validate import Validator

M = TypeVar("M", bound=Message)


class _Decoding:
    """What both formats do with a decoded request."""

    def __init__(self, validator: Validator, unchecked: frozenset[type[Message]] = frozenset()) -> None:
        """`unchecked` types are validated by their handler: a wrong one must not end the stream that it came on."""
        self._validator = validator
        self._unchecked = unchecked

    def _validated(self, message: M) -> M:
        if type(message) not in self._unchecked:
            try:
                check_request(self._validator, message)
            except InvalidArgumentError as error:  # connectrpc would take it for a failure to parse
                raise connect_error(error) from error
        return message


class BinaryCodec(_Decoding, Codec[Message | bytes, M]):
    """Protobuf's binary format."""

    def name(self) -> str:
        """As in `application/grpc+proto`."""
        return "proto"

    def encode(self, message: Message | bytes) -> bytes:
        """`bytes` are a serialised message already."""
        return message if isinstance(message, bytes) else message.SerializeToString()

    def decode(self, data: bytes | bytearray, message_class: type[M]) -> M:
        """Raises INVALID_ARGUMENT with google.rpc.BadRequest, which connectrpc passes on for every kind of call."""
        try:
            # It takes a bytearray as it is: another copy of a piece of a file would cost more than all else here.
            message = message_class.FromString(data)  # pyright: ignore[reportArgumentType]
        except DecodeError as error:
            name = message_class.DESCRIPTOR.full_name
            raise _malformed(f"The request is not a {name} in Protobuf's binary format.") from error
        return self._validated(message)


class JsonCodec(_Decoding, Codec[Message, M]):
    """Protobuf's JSON mapping, with camelCase names. Unknown names are ignored, as clients may be newer than the server."""

    def name(self) -> str:
        """As in `application/json`."""
        return "json"

    def encode(self, message: Message) -> bytes:
        """One line, as UTF-8."""
        return json_format.MessageToJson(message, indent=None, ensure_ascii=False).encode()

    def decode(self, data: bytes | bytearray, message_class: type[M]) -> M:
        """Raises INVALID_ARGUMENT with google.rpc.BadRequest."""
        message = message_class()
        try:
            json_format.Parse(bytes(data), message, ignore_unknown_fields=True)
        except (json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
            raise _malformed(f"The request is not a {message_class.DESCRIPTOR.full_name} in JSON: {error}") from error
        return self._validated(message)


def check_request(validator: Validator, message: Message) -> None:
    """Raises InvalidArgumentError with all that is wrong."""
    if violations := validator.violations(message):
        raise invalid_request(violations)


def _malformed(message: str) -> Exception:
    return connect_error(InvalidArgumentError("MALFORMED_REQUEST", message))
