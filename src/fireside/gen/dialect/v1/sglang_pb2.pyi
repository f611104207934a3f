from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SglangOpenAIRequest(_message.Message):
    __slots__ = ("json_body",)
    JSON_BODY_FIELD_NUMBER: _ClassVar[int]
    json_body: bytes
    def __init__(self, json_body: _Optional[bytes] = ...) -> None: ...

class SglangOpenAIStreamChunk(_message.Message):
    __slots__ = ("json_chunk", "finished")
    JSON_CHUNK_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    json_chunk: bytes
    finished: bool
    def __init__(self, json_chunk: _Optional[bytes] = ..., finished: bool = ...) -> None: ...

class SglangOpenAIResponse(_message.Message):
    __slots__ = ("json_body", "status_code")
    JSON_BODY_FIELD_NUMBER: _ClassVar[int]
    STATUS_CODE_FIELD_NUMBER: _ClassVar[int]
    json_body: bytes
    status_code: int
    def __init__(self, json_body: _Optional[bytes] = ..., status_code: _Optional[int] = ...) -> None: ...

class SglangListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SglangListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[SglangModelCard]
    def __init__(self, models: _Optional[_Iterable[_Union[SglangModelCard, _Mapping]]] = ...) -> None: ...

class SglangModelCard(_message.Message):
    __slots__ = ("id", "max_model_len")
    ID_FIELD_NUMBER: _ClassVar[int]
    MAX_MODEL_LEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    max_model_len: int
    def __init__(self, id: _Optional[str] = ..., max_model_len: _Optional[int] = ...) -> None: ...

class SglangServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SglangServerInfoResponse(_message.Message):
    __slots__ = ("json_info",)
    JSON_INFO_FIELD_NUMBER: _ClassVar[int]
    json_info: str
    def __init__(self, json_info: _Optional[str] = ...) -> None: ...

class SglangAbortRequest(_message.Message):
    __slots__ = ("rid",)
    RID_FIELD_NUMBER: _ClassVar[int]
    rid: str
    def __init__(self, rid: _Optional[str] = ...) -> None: ...
