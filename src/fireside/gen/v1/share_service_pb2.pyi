import datetime

from fireside.gen.buf.validate import validate_pb2 as _validate_pb2
from fireside.gen.v1 import conversation_pb2 as _conversation_pb2
from fireside.gen.v1 import message_pb2 as _message_pb2
from fireside.gen.v1 import permission_pb2 as _permission_pb2
from fireside.gen.v1 import share_pb2 as _share_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateShareRequest(_message.Message):
    __slots__ = ("conversation_id", "email", "group_id", "link", "role", "expire_time")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    email: str
    group_id: str
    link: bool
    role: _share_pb2.ShareRole
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, conversation_id: _Optional[str] = ..., email: _Optional[str] = ..., group_id: _Optional[str] = ..., link: bool = ..., role: _Optional[_Union[_share_pb2.ShareRole, str]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateShareResponse(_message.Message):
    __slots__ = ("share", "link")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    share: _share_pb2.Share
    link: str
    def __init__(self, share: _Optional[_Union[_share_pb2.Share, _Mapping]] = ..., link: _Optional[str] = ...) -> None: ...

class ListSharesRequest(_message.Message):
    __slots__ = ("conversation_id",)
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    def __init__(self, conversation_id: _Optional[str] = ...) -> None: ...

class ListSharesResponse(_message.Message):
    __slots__ = ("shares", "groups")
    SHARES_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    shares: _containers.RepeatedCompositeFieldContainer[_share_pb2.Share]
    groups: _containers.RepeatedCompositeFieldContainer[ShareableGroup]
    def __init__(self, shares: _Optional[_Iterable[_Union[_share_pb2.Share, _Mapping]]] = ..., groups: _Optional[_Iterable[_Union[ShareableGroup, _Mapping]]] = ...) -> None: ...

class DeleteShareRequest(_message.Message):
    __slots__ = ("share_id",)
    SHARE_ID_FIELD_NUMBER: _ClassVar[int]
    share_id: str
    def __init__(self, share_id: _Optional[str] = ...) -> None: ...

class DeleteShareResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LeaveConversationRequest(_message.Message):
    __slots__ = ("conversation_id",)
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    def __init__(self, conversation_id: _Optional[str] = ...) -> None: ...

class LeaveConversationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetSharedConversationRequest(_message.Message):
    __slots__ = ("token", "page_size", "page_token")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    page_size: int
    page_token: str
    def __init__(self, token: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetSharedConversationResponse(_message.Message):
    __slots__ = ("conversation", "messages", "next_page_token", "running_generation_id")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RUNNING_GENERATION_ID_FIELD_NUMBER: _ClassVar[int]
    conversation: _conversation_pb2.Conversation
    messages: _containers.RepeatedCompositeFieldContainer[_message_pb2.Message]
    next_page_token: str
    running_generation_id: str
    def __init__(self, conversation: _Optional[_Union[_conversation_pb2.Conversation, _Mapping]] = ..., messages: _Optional[_Iterable[_Union[_message_pb2.Message, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., running_generation_id: _Optional[str] = ...) -> None: ...

class WatchSharedConversationRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class WatchSharedConversationResponse(_message.Message):
    __slots__ = ("changed", "running", "heartbeat")
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    running: _message_pb2.Message
    heartbeat: bool
    def __init__(self, changed: bool = ..., running: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., heartbeat: bool = ...) -> None: ...

class SetPresenceRequest(_message.Message):
    __slots__ = ("conversation_id", "writing", "left", "view_id")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    WRITING_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    VIEW_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    writing: bool
    left: bool
    view_id: str
    def __init__(self, conversation_id: _Optional[str] = ..., writing: bool = ..., left: bool = ..., view_id: _Optional[str] = ...) -> None: ...

class SetPresenceResponse(_message.Message):
    __slots__ = ("presence",)
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    presence: _share_pb2.Presence
    def __init__(self, presence: _Optional[_Union[_share_pb2.Presence, _Mapping]] = ...) -> None: ...

class ShareableGroup(_message.Message):
    __slots__ = ("id", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...
