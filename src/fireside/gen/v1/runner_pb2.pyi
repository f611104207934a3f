import datetime

from fireside.gen.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunnerKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUNNER_KIND_UNSPECIFIED: _ClassVar[RunnerKind]
    RUNNER_KIND_BUILT_IN: _ClassVar[RunnerKind]
    RUNNER_KIND_OPENAI: _ClassVar[RunnerKind]
    RUNNER_KIND_OLLAMA: _ClassVar[RunnerKind]
    RUNNER_KIND_WORKER: _ClassVar[RunnerKind]
    RUNNER_KIND_SGLANG: _ClassVar[RunnerKind]
    RUNNER_KIND_TRITON: _ClassVar[RunnerKind]

class RunnerSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUNNER_SOURCE_UNSPECIFIED: _ClassVar[RunnerSource]
    RUNNER_SOURCE_BUILT_IN: _ClassVar[RunnerSource]
    RUNNER_SOURCE_FILE: _ClassVar[RunnerSource]
    RUNNER_SOURCE_ENVIRONMENT: _ClassVar[RunnerSource]
    RUNNER_SOURCE_API: _ClassVar[RunnerSource]

class RunnerHealth(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUNNER_HEALTH_UNSPECIFIED: _ClassVar[RunnerHealth]
    RUNNER_HEALTH_OK: _ClassVar[RunnerHealth]
    RUNNER_HEALTH_DEGRADED: _ClassVar[RunnerHealth]
    RUNNER_HEALTH_DOWN: _ClassVar[RunnerHealth]
    RUNNER_HEALTH_DISABLED: _ClassVar[RunnerHealth]
RUNNER_KIND_UNSPECIFIED: RunnerKind
RUNNER_KIND_BUILT_IN: RunnerKind
RUNNER_KIND_OPENAI: RunnerKind
RUNNER_KIND_OLLAMA: RunnerKind
RUNNER_KIND_WORKER: RunnerKind
RUNNER_KIND_SGLANG: RunnerKind
RUNNER_KIND_TRITON: RunnerKind
RUNNER_SOURCE_UNSPECIFIED: RunnerSource
RUNNER_SOURCE_BUILT_IN: RunnerSource
RUNNER_SOURCE_FILE: RunnerSource
RUNNER_SOURCE_ENVIRONMENT: RunnerSource
RUNNER_SOURCE_API: RunnerSource
RUNNER_HEALTH_UNSPECIFIED: RunnerHealth
RUNNER_HEALTH_OK: RunnerHealth
RUNNER_HEALTH_DEGRADED: RunnerHealth
RUNNER_HEALTH_DOWN: RunnerHealth
RUNNER_HEALTH_DISABLED: RunnerHealth

class RunnerTimeouts(_message.Message):
    __slots__ = ("connect", "first_token", "between_tokens", "total")
    CONNECT_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_FIELD_NUMBER: _ClassVar[int]
    BETWEEN_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    connect: _duration_pb2.Duration
    first_token: _duration_pb2.Duration
    between_tokens: _duration_pb2.Duration
    total: _duration_pb2.Duration
    def __init__(self, connect: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., first_token: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., between_tokens: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., total: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RunnerLimits(_message.Message):
    __slots__ = ("concurrency", "queue_length", "queue_wait")
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    QUEUE_WAIT_FIELD_NUMBER: _ClassVar[int]
    concurrency: int
    queue_length: int
    queue_wait: _duration_pb2.Duration
    def __init__(self, concurrency: _Optional[int] = ..., queue_length: _Optional[int] = ..., queue_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RunnerSpec(_message.Message):
    __slots__ = ("name", "kind", "display_name", "addresses", "disabled", "models", "timeouts", "limits", "fallback", "keep_alive")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    KEEP_ALIVE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: RunnerKind
    display_name: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    disabled: bool
    models: _containers.RepeatedScalarFieldContainer[str]
    timeouts: RunnerTimeouts
    limits: RunnerLimits
    fallback: bool
    keep_alive: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[RunnerKind, str]] = ..., display_name: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., disabled: bool = ..., models: _Optional[_Iterable[str]] = ..., timeouts: _Optional[_Union[RunnerTimeouts, _Mapping]] = ..., limits: _Optional[_Union[RunnerLimits, _Mapping]] = ..., fallback: bool = ..., keep_alive: _Optional[str] = ...) -> None: ...

class RunnerStatus(_message.Message):
    __slots__ = ("health", "message", "check_time", "latency", "version", "model_count", "active", "queued", "retry_time")
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CHECK_TIME_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RETRY_TIME_FIELD_NUMBER: _ClassVar[int]
    health: RunnerHealth
    message: str
    check_time: _timestamp_pb2.Timestamp
    latency: _duration_pb2.Duration
    version: str
    model_count: int
    active: int
    queued: int
    retry_time: _timestamp_pb2.Timestamp
    def __init__(self, health: _Optional[_Union[RunnerHealth, str]] = ..., message: _Optional[str] = ..., check_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., version: _Optional[str] = ..., model_count: _Optional[int] = ..., active: _Optional[int] = ..., queued: _Optional[int] = ..., retry_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Runner(_message.Message):
    __slots__ = ("spec", "source", "has_secret", "status", "etag", "create_time")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    HAS_SECRET_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    spec: RunnerSpec
    source: RunnerSource
    has_secret: bool
    status: RunnerStatus
    etag: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, spec: _Optional[_Union[RunnerSpec, _Mapping]] = ..., source: _Optional[_Union[RunnerSource, str]] = ..., has_secret: bool = ..., status: _Optional[_Union[RunnerStatus, _Mapping]] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ModelAlias(_message.Message):
    __slots__ = ("alias", "targets", "source")
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    alias: str
    targets: _containers.RepeatedScalarFieldContainer[str]
    source: RunnerSource
    def __init__(self, alias: _Optional[str] = ..., targets: _Optional[_Iterable[str]] = ..., source: _Optional[_Union[RunnerSource, str]] = ...) -> None: ...
