from fireside.gen.buf.validate import validate_pb2 as _validate_pb2
from fireside.gen.v1 import account_pb2 as _account_pb2
from fireside.gen.v1 import permission_pb2 as _permission_pb2
from fireside.gen.v1 import policy_pb2 as _policy_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetAuthStateRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAuthStateResponse(_message.Message):
    __slots__ = ("single_user", "needs_set_up", "needs_set_up_token", "sign_up", "providers", "passkeys", "mail", "account", "permissions", "link_sharing", "must_add_second_factor")
    SINGLE_USER_FIELD_NUMBER: _ClassVar[int]
    NEEDS_SET_UP_FIELD_NUMBER: _ClassVar[int]
    NEEDS_SET_UP_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SIGN_UP_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    PASSKEYS_FIELD_NUMBER: _ClassVar[int]
    MAIL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    LINK_SHARING_FIELD_NUMBER: _ClassVar[int]
    MUST_ADD_SECOND_FACTOR_FIELD_NUMBER: _ClassVar[int]
    single_user: bool
    needs_set_up: bool
    needs_set_up_token: bool
    sign_up: _policy_pb2.SignUpMode
    providers: _containers.RepeatedCompositeFieldContainer[SignInProvider]
    passkeys: bool
    mail: bool
    account: _account_pb2.Account
    permissions: _containers.RepeatedScalarFieldContainer[_permission_pb2.Permission]
    link_sharing: _policy_pb2.LinkSharing
    must_add_second_factor: bool
    def __init__(self, single_user: bool = ..., needs_set_up: bool = ..., needs_set_up_token: bool = ..., sign_up: _Optional[_Union[_policy_pb2.SignUpMode, str]] = ..., providers: _Optional[_Iterable[_Union[SignInProvider, _Mapping]]] = ..., passkeys: bool = ..., mail: bool = ..., account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ..., permissions: _Optional[_Iterable[_Union[_permission_pb2.Permission, str]]] = ..., link_sharing: _Optional[_Union[_policy_pb2.LinkSharing, str]] = ..., must_add_second_factor: bool = ...) -> None: ...

class SetUpRequest(_message.Message):
    __slots__ = ("name", "email", "password", "token", "language")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    email: str
    password: str
    token: str
    language: str
    def __init__(self, name: _Optional[str] = ..., email: _Optional[str] = ..., password: _Optional[str] = ..., token: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class SetUpResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _account_pb2.Account
    def __init__(self, account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ...) -> None: ...

class SignInRequest(_message.Message):
    __slots__ = ("email", "password")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    email: str
    password: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class SignInResponse(_message.Message):
    __slots__ = ("account", "second_factor", "pending")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SECOND_FACTOR_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    account: _account_pb2.Account
    second_factor: SecondFactorNeeded
    pending: bool
    def __init__(self, account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ..., second_factor: _Optional[_Union[SecondFactorNeeded, _Mapping]] = ..., pending: bool = ...) -> None: ...

class CompleteSignInRequest(_message.Message):
    __slots__ = ("challenge", "totp_code", "recovery_code")
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    TOTP_CODE_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_CODE_FIELD_NUMBER: _ClassVar[int]
    challenge: str
    totp_code: str
    recovery_code: str
    def __init__(self, challenge: _Optional[str] = ..., totp_code: _Optional[str] = ..., recovery_code: _Optional[str] = ...) -> None: ...

class CompleteSignInResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _account_pb2.Account
    def __init__(self, account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ...) -> None: ...

class BeginPasskeySignInRequest(_message.Message):
    __slots__ = ("challenge",)
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    challenge: str
    def __init__(self, challenge: _Optional[str] = ...) -> None: ...

class BeginPasskeySignInResponse(_message.Message):
    __slots__ = ("options_json", "challenge")
    OPTIONS_JSON_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    options_json: str
    challenge: str
    def __init__(self, options_json: _Optional[str] = ..., challenge: _Optional[str] = ...) -> None: ...

class FinishPasskeySignInRequest(_message.Message):
    __slots__ = ("challenge", "credential_json")
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_JSON_FIELD_NUMBER: _ClassVar[int]
    challenge: str
    credential_json: str
    def __init__(self, challenge: _Optional[str] = ..., credential_json: _Optional[str] = ...) -> None: ...

class FinishPasskeySignInResponse(_message.Message):
    __slots__ = ("account", "pending")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    account: _account_pb2.Account
    pending: bool
    def __init__(self, account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ..., pending: bool = ...) -> None: ...

class SignUpRequest(_message.Message):
    __slots__ = ("name", "email", "password", "invitation", "language")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    INVITATION_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    email: str
    password: str
    invitation: str
    language: str
    def __init__(self, name: _Optional[str] = ..., email: _Optional[str] = ..., password: _Optional[str] = ..., invitation: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class SignUpResponse(_message.Message):
    __slots__ = ("account", "pending", "check_mail")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    CHECK_MAIL_FIELD_NUMBER: _ClassVar[int]
    account: _account_pb2.Account
    pending: bool
    check_mail: bool
    def __init__(self, account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ..., pending: bool = ..., check_mail: bool = ...) -> None: ...

class ConfirmEmailRequest(_message.Message):
    __slots__ = ("token", "password")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    token: str
    password: str
    def __init__(self, token: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class ConfirmEmailResponse(_message.Message):
    __slots__ = ("account", "pending")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    account: _account_pb2.Account
    pending: bool
    def __init__(self, account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ..., pending: bool = ...) -> None: ...

class GetInvitationRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class GetInvitationResponse(_message.Message):
    __slots__ = ("email", "invited_by")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    INVITED_BY_FIELD_NUMBER: _ClassVar[int]
    email: str
    invited_by: str
    def __init__(self, email: _Optional[str] = ..., invited_by: _Optional[str] = ...) -> None: ...

class RequestPasswordResetRequest(_message.Message):
    __slots__ = ("email",)
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    email: str
    def __init__(self, email: _Optional[str] = ...) -> None: ...

class RequestPasswordResetResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResetPasswordRequest(_message.Message):
    __slots__ = ("token", "password")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    token: str
    password: str
    def __init__(self, token: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class ResetPasswordResponse(_message.Message):
    __slots__ = ("account", "second_factor", "pending")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SECOND_FACTOR_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    account: _account_pb2.Account
    second_factor: SecondFactorNeeded
    pending: bool
    def __init__(self, account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ..., second_factor: _Optional[_Union[SecondFactorNeeded, _Mapping]] = ..., pending: bool = ...) -> None: ...

class SignOutRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SignOutResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SignInProvider(_message.Message):
    __slots__ = ("name", "label")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    label: str
    def __init__(self, name: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...

class SecondFactorNeeded(_message.Message):
    __slots__ = ("challenge", "totp", "recovery_code", "passkey")
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    TOTP_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_CODE_FIELD_NUMBER: _ClassVar[int]
    PASSKEY_FIELD_NUMBER: _ClassVar[int]
    challenge: str
    totp: bool
    recovery_code: bool
    passkey: bool
    def __init__(self, challenge: _Optional[str] = ..., totp: bool = ..., recovery_code: bool = ..., passkey: bool = ...) -> None: ...
