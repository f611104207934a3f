from fireside.gen.buf.validate import validate_pb2 as _validate_pb2
from fireside.gen.v1 import model_pb2 as _model_pb2
from fireside.gen.v1 import permission_pb2 as _permission_pb2
from fireside.gen.v1 import runner_pb2 as _runner_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListRunnersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRunnersResponse(_message.Message):
    __slots__ = ("runners",)
    RUNNERS_FIELD_NUMBER: _ClassVar[int]
    runners: _containers.RepeatedCompositeFieldContainer[_runner_pb2.Runner]
    def __init__(self, runners: _Optional[_Iterable[_Union[_runner_pb2.Runner, _Mapping]]] = ...) -> None: ...

class GetRunnerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetRunnerResponse(_message.Message):
    __slots__ = ("runner", "models")
    RUNNER_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    runner: _runner_pb2.Runner
    models: _containers.RepeatedCompositeFieldContainer[_model_pb2.Model]
    def __init__(self, runner: _Optional[_Union[_runner_pb2.Runner, _Mapping]] = ..., models: _Optional[_Iterable[_Union[_model_pb2.Model, _Mapping]]] = ...) -> None: ...

class CreateRunnerRequest(_message.Message):
    __slots__ = ("spec", "secret")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    spec: _runner_pb2.RunnerSpec
    secret: str
    def __init__(self, spec: _Optional[_Union[_runner_pb2.RunnerSpec, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class CreateRunnerResponse(_message.Message):
    __slots__ = ("runner",)
    RUNNER_FIELD_NUMBER: _ClassVar[int]
    runner: _runner_pb2.Runner
    def __init__(self, runner: _Optional[_Union[_runner_pb2.Runner, _Mapping]] = ...) -> None: ...

class UpdateRunnerRequest(_message.Message):
    __slots__ = ("spec", "secret", "etag")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    spec: _runner_pb2.RunnerSpec
    secret: str
    etag: str
    def __init__(self, spec: _Optional[_Union[_runner_pb2.RunnerSpec, _Mapping]] = ..., secret: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class UpdateRunnerResponse(_message.Message):
    __slots__ = ("runner",)
    RUNNER_FIELD_NUMBER: _ClassVar[int]
    runner: _runner_pb2.Runner
    def __init__(self, runner: _Optional[_Union[_runner_pb2.Runner, _Mapping]] = ...) -> None: ...

class DeleteRunnerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteRunnerResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OrderRunnersRequest(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class OrderRunnersResponse(_message.Message):
    __slots__ = ("runners",)
    RUNNERS_FIELD_NUMBER: _ClassVar[int]
    runners: _containers.RepeatedCompositeFieldContainer[_runner_pb2.Runner]
    def __init__(self, runners: _Optional[_Iterable[_Union[_runner_pb2.Runner, _Mapping]]] = ...) -> None: ...

class TestRunnerRequest(_message.Message):
    __slots__ = ("spec", "secret")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    spec: _runner_pb2.RunnerSpec
    secret: str
    def __init__(self, spec: _Optional[_Union[_runner_pb2.RunnerSpec, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class TestRunnerResponse(_message.Message):
    __slots__ = ("status", "models")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    status: _runner_pb2.RunnerStatus
    models: _containers.RepeatedCompositeFieldContainer[_model_pb2.Model]
    def __init__(self, status: _Optional[_Union[_runner_pb2.RunnerStatus, _Mapping]] = ..., models: _Optional[_Iterable[_Union[_model_pb2.Model, _Mapping]]] = ...) -> None: ...

class PullModelRequest(_message.Message):
    __slots__ = ("runner", "model")
    RUNNER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    runner: str
    model: str
    def __init__(self, runner: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class PullModelResponse(_message.Message):
    __slots__ = ("status", "completed_bytes", "total_bytes")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    status: str
    completed_bytes: int
    total_bytes: int
    def __init__(self, status: _Optional[str] = ..., completed_bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class ListModelAliasesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelAliasesResponse(_message.Message):
    __slots__ = ("aliases",)
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    aliases: _containers.RepeatedCompositeFieldContainer[_runner_pb2.ModelAlias]
    def __init__(self, aliases: _Optional[_Iterable[_Union[_runner_pb2.ModelAlias, _Mapping]]] = ...) -> None: ...

class SetModelAliasRequest(_message.Message):
    __slots__ = ("alias",)
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    alias: _runner_pb2.ModelAlias
    def __init__(self, alias: _Optional[_Union[_runner_pb2.ModelAlias, _Mapping]] = ...) -> None: ...

class SetModelAliasResponse(_message.Message):
    __slots__ = ("alias",)
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    alias: _runner_pb2.ModelAlias
    def __init__(self, alias: _Optional[_Union[_runner_pb2.ModelAlias, _Mapping]] = ...) -> None: ...

class DeleteModelAliasRequest(_message.Message):
    __slots__ = ("alias",)
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    alias: str
    def __init__(self, alias: _Optional[str] = ...) -> None: ...

class DeleteModelAliasResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
