import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ShareRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHARE_ROLE_UNSPECIFIED: _ClassVar[ShareRole]
    SHARE_ROLE_VIEWER: _ClassVar[ShareRole]
    SHARE_ROLE_EDITOR: _ClassVar[ShareRole]
    SHARE_ROLE_OWNER: _ClassVar[ShareRole]
SHARE_ROLE_UNSPECIFIED: ShareRole
SHARE_ROLE_VIEWER: ShareRole
SHARE_ROLE_EDITOR: ShareRole
SHARE_ROLE_OWNER: ShareRole

class Share(_message.Message):
    __slots__ = ("id", "conversation_id", "account_id", "group_id", "link", "role", "name", "email", "create_time", "expire_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    conversation_id: str
    account_id: str
    group_id: str
    link: bool
    role: ShareRole
    name: str
    email: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., account_id: _Optional[str] = ..., group_id: _Optional[str] = ..., link: bool = ..., role: _Optional[_Union[ShareRole, str]] = ..., name: _Optional[str] = ..., email: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Viewer(_message.Message):
    __slots__ = ("account_id", "name", "writing")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    WRITING_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    name: str
    writing: bool
    def __init__(self, account_id: _Optional[str] = ..., name: _Optional[str] = ..., writing: bool = ...) -> None: ...

class Presence(_message.Message):
    __slots__ = ("conversation_id", "viewers")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    VIEWERS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    viewers: _containers.RepeatedCompositeFieldContainer[Viewer]
    def __init__(self, conversation_id: _Optional[str] = ..., viewers: _Optional[_Iterable[_Union[Viewer, _Mapping]]] = ...) -> None: ...
