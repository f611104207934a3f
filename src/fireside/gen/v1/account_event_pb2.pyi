from fireside.gen.v1 import account_pb2 as _account_pb2
from fireside.gen.v1 import collection_pb2 as _collection_pb2
from fireside.gen.v1 import conversation_pb2 as _conversation_pb2
from fireside.gen.v1 import document_pb2 as _document_pb2
from fireside.gen.v1 import generation_pb2 as _generation_pb2
from fireside.gen.v1 import share_pb2 as _share_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccountEvent(_message.Message):
    __slots__ = ("cursor", "ready", "conversation_created", "conversation_updated", "conversation_deleted", "generation_started", "generation_ended", "models_changed", "heartbeat", "account_updated", "presence", "document_changed", "collection_changed", "collection_removed")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_CREATED_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_UPDATED_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_DELETED_FIELD_NUMBER: _ClassVar[int]
    GENERATION_STARTED_FIELD_NUMBER: _ClassVar[int]
    GENERATION_ENDED_FIELD_NUMBER: _ClassVar[int]
    MODELS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_UPDATED_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_CHANGED_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_CHANGED_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_REMOVED_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    ready: Ready
    conversation_created: _conversation_pb2.Conversation
    conversation_updated: _conversation_pb2.Conversation
    conversation_deleted: str
    generation_started: _generation_pb2.Generation
    generation_ended: _generation_pb2.Generation
    models_changed: ModelsChanged
    heartbeat: EventsHeartbeat
    account_updated: _account_pb2.Account
    presence: _share_pb2.Presence
    document_changed: _document_pb2.Document
    collection_changed: _collection_pb2.Collection
    collection_removed: str
    def __init__(self, cursor: _Optional[str] = ..., ready: _Optional[_Union[Ready, _Mapping]] = ..., conversation_created: _Optional[_Union[_conversation_pb2.Conversation, _Mapping]] = ..., conversation_updated: _Optional[_Union[_conversation_pb2.Conversation, _Mapping]] = ..., conversation_deleted: _Optional[str] = ..., generation_started: _Optional[_Union[_generation_pb2.Generation, _Mapping]] = ..., generation_ended: _Optional[_Union[_generation_pb2.Generation, _Mapping]] = ..., models_changed: _Optional[_Union[ModelsChanged, _Mapping]] = ..., heartbeat: _Optional[_Union[EventsHeartbeat, _Mapping]] = ..., account_updated: _Optional[_Union[_account_pb2.Account, _Mapping]] = ..., presence: _Optional[_Union[_share_pb2.Presence, _Mapping]] = ..., document_changed: _Optional[_Union[_document_pb2.Document, _Mapping]] = ..., collection_changed: _Optional[_Union[_collection_pb2.Collection, _Mapping]] = ..., collection_removed: _Optional[str] = ...) -> None: ...

class Ready(_message.Message):
    __slots__ = ("running",)
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    running: _containers.RepeatedCompositeFieldContainer[_generation_pb2.Generation]
    def __init__(self, running: _Optional[_Iterable[_Union[_generation_pb2.Generation, _Mapping]]] = ...) -> None: ...

class ModelsChanged(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EventsHeartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
