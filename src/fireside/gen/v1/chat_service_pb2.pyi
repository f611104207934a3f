from fireside.gen.buf.validate import validate_pb2 as _validate_pb2
from fireside.gen.v1 import account_event_pb2 as _account_event_pb2
from fireside.gen.v1 import generation_pb2 as _generation_pb2
from fireside.gen.v1 import message_pb2 as _message_pb2
from fireside.gen.v1 import permission_pb2 as _permission_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GenerateRequest(_message.Message):
    __slots__ = ("spec",)
    SPEC_FIELD_NUMBER: _ClassVar[int]
    spec: _generation_pb2.GenerationSpec
    def __init__(self, spec: _Optional[_Union[_generation_pb2.GenerationSpec, _Mapping]] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_generation_pb2.Event]
    def __init__(self, events: _Optional[_Iterable[_Union[_generation_pb2.Event, _Mapping]]] = ...) -> None: ...

class StartGenerationRequest(_message.Message):
    __slots__ = ("spec",)
    SPEC_FIELD_NUMBER: _ClassVar[int]
    spec: _generation_pb2.GenerationSpec
    def __init__(self, spec: _Optional[_Union[_generation_pb2.GenerationSpec, _Mapping]] = ...) -> None: ...

class StartGenerationResponse(_message.Message):
    __slots__ = ("generation",)
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    generation: _generation_pb2.Generation
    def __init__(self, generation: _Optional[_Union[_generation_pb2.Generation, _Mapping]] = ...) -> None: ...

class WatchGenerationRequest(_message.Message):
    __slots__ = ("generation_id", "after_seq")
    GENERATION_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    generation_id: str
    after_seq: int
    def __init__(self, generation_id: _Optional[str] = ..., after_seq: _Optional[int] = ...) -> None: ...

class WatchGenerationResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_generation_pb2.Event]
    def __init__(self, events: _Optional[_Iterable[_Union[_generation_pb2.Event, _Mapping]]] = ...) -> None: ...

class StopGenerationRequest(_message.Message):
    __slots__ = ("generation_id",)
    GENERATION_ID_FIELD_NUMBER: _ClassVar[int]
    generation_id: str
    def __init__(self, generation_id: _Optional[str] = ...) -> None: ...

class StopGenerationResponse(_message.Message):
    __slots__ = ("generation",)
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    generation: _generation_pb2.Generation
    def __init__(self, generation: _Optional[_Union[_generation_pb2.Generation, _Mapping]] = ...) -> None: ...

class GetGenerationRequest(_message.Message):
    __slots__ = ("generation_id",)
    GENERATION_ID_FIELD_NUMBER: _ClassVar[int]
    generation_id: str
    def __init__(self, generation_id: _Optional[str] = ...) -> None: ...

class GetGenerationResponse(_message.Message):
    __slots__ = ("generation",)
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    generation: _generation_pb2.Generation
    def __init__(self, generation: _Optional[_Union[_generation_pb2.Generation, _Mapping]] = ...) -> None: ...

class ConverseRequest(_message.Message):
    __slots__ = ("command_id", "start", "watch", "unwatch", "stop", "switch", "watch_events")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    UNWATCH_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SWITCH_FIELD_NUMBER: _ClassVar[int]
    WATCH_EVENTS_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    start: _generation_pb2.GenerationSpec
    watch: WatchGenerationRequest
    unwatch: UnwatchCommand
    stop: StopGenerationRequest
    switch: SwitchCommand
    watch_events: WatchEventsRequest
    def __init__(self, command_id: _Optional[str] = ..., start: _Optional[_Union[_generation_pb2.GenerationSpec, _Mapping]] = ..., watch: _Optional[_Union[WatchGenerationRequest, _Mapping]] = ..., unwatch: _Optional[_Union[UnwatchCommand, _Mapping]] = ..., stop: _Optional[_Union[StopGenerationRequest, _Mapping]] = ..., switch: _Optional[_Union[SwitchCommand, _Mapping]] = ..., watch_events: _Optional[_Union[WatchEventsRequest, _Mapping]] = ...) -> None: ...

class UnwatchCommand(_message.Message):
    __slots__ = ("generation_id",)
    GENERATION_ID_FIELD_NUMBER: _ClassVar[int]
    generation_id: str
    def __init__(self, generation_id: _Optional[str] = ...) -> None: ...

class SwitchCommand(_message.Message):
    __slots__ = ("conversation_id",)
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    def __init__(self, conversation_id: _Optional[str] = ...) -> None: ...

class ConverseResponse(_message.Message):
    __slots__ = ("command_id", "done", "failed", "generation_events", "account_event")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    GENERATION_EVENTS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_EVENT_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    done: CommandDone
    failed: CommandFailed
    generation_events: GenerationEvents
    account_event: _account_event_pb2.AccountEvent
    def __init__(self, command_id: _Optional[str] = ..., done: _Optional[_Union[CommandDone, _Mapping]] = ..., failed: _Optional[_Union[CommandFailed, _Mapping]] = ..., generation_events: _Optional[_Union[GenerationEvents, _Mapping]] = ..., account_event: _Optional[_Union[_account_event_pb2.AccountEvent, _Mapping]] = ...) -> None: ...

class CommandDone(_message.Message):
    __slots__ = ("generation",)
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    generation: _generation_pb2.Generation
    def __init__(self, generation: _Optional[_Union[_generation_pb2.Generation, _Mapping]] = ...) -> None: ...

class CommandFailed(_message.Message):
    __slots__ = ("code", "reason", "message", "retry_after_ms")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    message: str
    retry_after_ms: int
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., retry_after_ms: _Optional[int] = ...) -> None: ...

class GenerationEvents(_message.Message):
    __slots__ = ("events", "generation_id", "failure")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_ID_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_generation_pb2.Event]
    generation_id: str
    failure: _message_pb2.Failure
    def __init__(self, events: _Optional[_Iterable[_Union[_generation_pb2.Event, _Mapping]]] = ..., generation_id: _Optional[str] = ..., failure: _Optional[_Union[_message_pb2.Failure, _Mapping]] = ...) -> None: ...

class WatchEventsRequest(_message.Message):
    __slots__ = ("after_cursor", "follow_generations", "resume")
    AFTER_CURSOR_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_GENERATIONS_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    after_cursor: str
    follow_generations: bool
    resume: _containers.RepeatedCompositeFieldContainer[WatchGenerationRequest]
    def __init__(self, after_cursor: _Optional[str] = ..., follow_generations: bool = ..., resume: _Optional[_Iterable[_Union[WatchGenerationRequest, _Mapping]]] = ...) -> None: ...

class WatchEventsResponse(_message.Message):
    __slots__ = ("events", "generation_events")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_account_event_pb2.AccountEvent]
    generation_events: _containers.RepeatedCompositeFieldContainer[GenerationEvents]
    def __init__(self, events: _Optional[_Iterable[_Union[_account_event_pb2.AccountEvent, _Mapping]]] = ..., generation_events: _Optional[_Iterable[_Union[GenerationEvents, _Mapping]]] = ...) -> None: ...
