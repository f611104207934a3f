import datetime

from fireside.gen.v1 import message_pb2 as _message_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DocumentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOCUMENT_STATE_UNSPECIFIED: _ClassVar[DocumentState]
    DOCUMENT_STATE_UPLOADED: _ClassVar[DocumentState]
    DOCUMENT_STATE_EXTRACTING: _ClassVar[DocumentState]
    DOCUMENT_STATE_EMBEDDING: _ClassVar[DocumentState]
    DOCUMENT_STATE_READY: _ClassVar[DocumentState]
    DOCUMENT_STATE_FAILED: _ClassVar[DocumentState]
    DOCUMENT_STATE_DELETED: _ClassVar[DocumentState]
DOCUMENT_STATE_UNSPECIFIED: DocumentState
DOCUMENT_STATE_UPLOADED: DocumentState
DOCUMENT_STATE_EXTRACTING: DocumentState
DOCUMENT_STATE_EMBEDDING: DocumentState
DOCUMENT_STATE_READY: DocumentState
DOCUMENT_STATE_FAILED: DocumentState
DOCUMENT_STATE_DELETED: DocumentState

class Document(_message.Message):
    __slots__ = ("id", "collection_id", "file_id", "name", "folder", "media_type", "size", "state", "failure", "version", "ready_version", "page_count", "chunk_count", "done", "total", "create_time", "update_time", "owner_id", "warnings", "change_seq")
    ID_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    READY_VERSION_FIELD_NUMBER: _ClassVar[int]
    PAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHUNK_COUNT_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    CHANGE_SEQ_FIELD_NUMBER: _ClassVar[int]
    id: str
    collection_id: str
    file_id: str
    name: str
    folder: str
    media_type: str
    size: int
    state: DocumentState
    failure: _message_pb2.Failure
    version: int
    ready_version: int
    page_count: int
    chunk_count: int
    done: int
    total: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    owner_id: str
    warnings: _containers.RepeatedScalarFieldContainer[str]
    change_seq: int
    def __init__(self, id: _Optional[str] = ..., collection_id: _Optional[str] = ..., file_id: _Optional[str] = ..., name: _Optional[str] = ..., folder: _Optional[str] = ..., media_type: _Optional[str] = ..., size: _Optional[int] = ..., state: _Optional[_Union[DocumentState, str]] = ..., failure: _Optional[_Union[_message_pb2.Failure, _Mapping]] = ..., version: _Optional[int] = ..., ready_version: _Optional[int] = ..., page_count: _Optional[int] = ..., chunk_count: _Optional[int] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., owner_id: _Optional[str] = ..., warnings: _Optional[_Iterable[str]] = ..., change_seq: _Optional[int] = ...) -> None: ...

class DocumentVersion(_message.Message):
    __slots__ = ("version", "file_id", "size", "create_time", "author_name")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FILE_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_NAME_FIELD_NUMBER: _ClassVar[int]
    version: int
    file_id: str
    size: int
    create_time: _timestamp_pb2.Timestamp
    author_name: str
    def __init__(self, version: _Optional[int] = ..., file_id: _Optional[str] = ..., size: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., author_name: _Optional[str] = ...) -> None: ...

class Passage(_message.Message):
    __slots__ = ("document_id", "version", "ordinal", "collection_id", "file_id", "name", "media_type", "page", "headings", "text", "score", "similarity", "highlights")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    HEADINGS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    HIGHLIGHTS_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    version: int
    ordinal: int
    collection_id: str
    file_id: str
    name: str
    media_type: str
    page: int
    headings: _containers.RepeatedScalarFieldContainer[str]
    text: str
    score: float
    similarity: float
    highlights: _containers.RepeatedCompositeFieldContainer[Highlight]
    def __init__(self, document_id: _Optional[str] = ..., version: _Optional[int] = ..., ordinal: _Optional[int] = ..., collection_id: _Optional[str] = ..., file_id: _Optional[str] = ..., name: _Optional[str] = ..., media_type: _Optional[str] = ..., page: _Optional[int] = ..., headings: _Optional[_Iterable[str]] = ..., text: _Optional[str] = ..., score: _Optional[float] = ..., similarity: _Optional[float] = ..., highlights: _Optional[_Iterable[_Union[Highlight, _Mapping]]] = ...) -> None: ...

class Highlight(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...
