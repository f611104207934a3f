from fireside.gen.buf.validate import validate_pb2 as _validate_pb2
from fireside.gen.v1 import account_pb2 as _account_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SignUpMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGN_UP_MODE_UNSPECIFIED: _ClassVar[SignUpMode]
    SIGN_UP_MODE_INVITATION: _ClassVar[SignUpMode]
    SIGN_UP_MODE_DOMAIN: _ClassVar[SignUpMode]
    SIGN_UP_MODE_OPEN: _ClassVar[SignUpMode]
    SIGN_UP_MODE_CLOSED: _ClassVar[SignUpMode]

class LinkSharing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LINK_SHARING_UNSPECIFIED: _ClassVar[LinkSharing]
    LINK_SHARING_OFF: _ClassVar[LinkSharing]
    LINK_SHARING_ACCOUNTS: _ClassVar[LinkSharing]
    LINK_SHARING_ANYONE: _ClassVar[LinkSharing]
SIGN_UP_MODE_UNSPECIFIED: SignUpMode
SIGN_UP_MODE_INVITATION: SignUpMode
SIGN_UP_MODE_DOMAIN: SignUpMode
SIGN_UP_MODE_OPEN: SignUpMode
SIGN_UP_MODE_CLOSED: SignUpMode
LINK_SHARING_UNSPECIFIED: LinkSharing
LINK_SHARING_OFF: LinkSharing
LINK_SHARING_ACCOUNTS: LinkSharing
LINK_SHARING_ANYONE: LinkSharing

class Limits(_message.Message):
    __slots__ = ("messages_per_day", "tokens_per_day", "messages_per_minute", "storage_bytes")
    MESSAGES_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    STORAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    messages_per_day: int
    tokens_per_day: int
    messages_per_minute: int
    storage_bytes: int
    def __init__(self, messages_per_day: _Optional[int] = ..., tokens_per_day: _Optional[int] = ..., messages_per_minute: _Optional[int] = ..., storage_bytes: _Optional[int] = ...) -> None: ...

class RoleLimits(_message.Message):
    __slots__ = ("role", "limits")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    role: _account_pb2.AccountRole
    limits: Limits
    def __init__(self, role: _Optional[_Union[_account_pb2.AccountRole, str]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("sign_up", "domains", "approve_sign_ups", "default_role", "link_sharing", "limits", "session_days", "admins_need_second_factor", "etag")
    SIGN_UP_FIELD_NUMBER: _ClassVar[int]
    DOMAINS_FIELD_NUMBER: _ClassVar[int]
    APPROVE_SIGN_UPS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_ROLE_FIELD_NUMBER: _ClassVar[int]
    LINK_SHARING_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    SESSION_DAYS_FIELD_NUMBER: _ClassVar[int]
    ADMINS_NEED_SECOND_FACTOR_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    sign_up: SignUpMode
    domains: _containers.RepeatedScalarFieldContainer[str]
    approve_sign_ups: bool
    default_role: _account_pb2.AccountRole
    link_sharing: LinkSharing
    limits: _containers.RepeatedCompositeFieldContainer[RoleLimits]
    session_days: int
    admins_need_second_factor: bool
    etag: str
    def __init__(self, sign_up: _Optional[_Union[SignUpMode, str]] = ..., domains: _Optional[_Iterable[str]] = ..., approve_sign_ups: bool = ..., default_role: _Optional[_Union[_account_pb2.AccountRole, str]] = ..., link_sharing: _Optional[_Union[LinkSharing, str]] = ..., limits: _Optional[_Iterable[_Union[RoleLimits, _Mapping]]] = ..., session_days: _Optional[int] = ..., admins_need_second_factor: bool = ..., etag: _Optional[str] = ...) -> None: ...
