from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class Permission(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PERMISSION_UNSPECIFIED: _ClassVar[Permission]
    PERMISSION_PUBLIC: _ClassVar[Permission]
    PERMISSION_SIGNED_IN: _ClassVar[Permission]
    PERMISSION_OWN_ACCOUNT: _ClassVar[Permission]
    PERMISSION_CHAT: _ClassVar[Permission]
    PERMISSION_READ_MODELS: _ClassVar[Permission]
    PERMISSION_SHARE: _ClassVar[Permission]
    PERMISSION_API_KEYS: _ClassVar[Permission]
    PERMISSION_MANAGE_RUNNERS: _ClassVar[Permission]
    PERMISSION_MANAGE_PEOPLE: _ClassVar[Permission]
    PERMISSION_MANAGE_POLICY: _ClassVar[Permission]
    PERMISSION_READ_AUDIT: _ClassVar[Permission]
    PERMISSION_READ_KNOWLEDGE: _ClassVar[Permission]
    PERMISSION_WRITE_KNOWLEDGE: _ClassVar[Permission]
PERMISSION_UNSPECIFIED: Permission
PERMISSION_PUBLIC: Permission
PERMISSION_SIGNED_IN: Permission
PERMISSION_OWN_ACCOUNT: Permission
PERMISSION_CHAT: Permission
PERMISSION_READ_MODELS: Permission
PERMISSION_SHARE: Permission
PERMISSION_API_KEYS: Permission
PERMISSION_MANAGE_RUNNERS: Permission
PERMISSION_MANAGE_PEOPLE: Permission
PERMISSION_MANAGE_POLICY: Permission
PERMISSION_READ_AUDIT: Permission
PERMISSION_READ_KNOWLEDGE: Permission
PERMISSION_WRITE_KNOWLEDGE: Permission
PERMISSION_FIELD_NUMBER: _ClassVar[int]
permission: _descriptor.FieldDescriptor
