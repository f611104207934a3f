import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class File(_message.Message):
    __slots__ = ("id", "name", "media_type", "size", "sha256", "create_time", "document_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    media_type: str
    size: int
    sha256: bytes
    create_time: _timestamp_pb2.Timestamp
    document_id: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., media_type: _Optional[str] = ..., size: _Optional[int] = ..., sha256: _Optional[bytes] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., document_id: _Optional[str] = ...) -> None: ...

class Upload(_message.Message):
    __slots__ = ("id", "name", "size", "offset", "media_type", "sha256", "collection_id", "folder", "create_time", "expire_time", "fingerprint")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_ID_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    size: int
    offset: int
    media_type: str
    sha256: bytes
    collection_id: str
    folder: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    fingerprint: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., size: _Optional[int] = ..., offset: _Optional[int] = ..., media_type: _Optional[str] = ..., sha256: _Optional[bytes] = ..., collection_id: _Optional[str] = ..., folder: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fingerprint: _Optional[str] = ...) -> None: ...

class UploadLimits(_message.Message):
    __slots__ = ("max_file_bytes", "remaining_bytes", "used_bytes", "refused_types", "piece_bytes", "max_piece_bytes", "max_streamed_piece_bytes")
    MAX_FILE_BYTES_FIELD_NUMBER: _ClassVar[int]
    REMAINING_BYTES_FIELD_NUMBER: _ClassVar[int]
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    REFUSED_TYPES_FIELD_NUMBER: _ClassVar[int]
    PIECE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PIECE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAMED_PIECE_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_file_bytes: int
    remaining_bytes: int
    used_bytes: int
    refused_types: _containers.RepeatedScalarFieldContainer[str]
    piece_bytes: int
    max_piece_bytes: int
    max_streamed_piece_bytes: int
    def __init__(self, max_file_bytes: _Optional[int] = ..., remaining_bytes: _Optional[int] = ..., used_bytes: _Optional[int] = ..., refused_types: _Optional[_Iterable[str]] = ..., piece_bytes: _Optional[int] = ..., max_piece_bytes: _Optional[int] = ..., max_streamed_piece_bytes: _Optional[int] = ...) -> None: ...
