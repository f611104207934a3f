"""AccountService over identity: profile, password, sessions, keys, export. Second factors are in account_factors.py."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from fireside.edge.access import incoming
from fireside.edge.cookies import clear_session, set_session
from fireside.edge.rpc.account_factors import FactorHandlers
from fireside.gen.v1 import account_service_pb2 as pb
from fireside.identity.keys import NewKey
from fireside.identity.profile import ProfileChange
from fireside.identity.sessions import single_user
from fireside.store.records import us_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import TypeAlias

    from connectrpc.request import RequestContext as Ctx

    from fireside.edge.access import Incoming
    from fireside.identity.opening import Identity

    UpdateCtx: TypeAlias = Ctx[pb.UpdateProfileRequest, pb.UpdateProfileResponse]
    PasswordCtx: TypeAlias = Ctx[pb.ChangePasswordRequest, pb.ChangePasswordResponse]


class AccountHandlers(FactorHandlers):
    """The handlers of AccountService."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self._profiles = identity.profiles
        self._keys = identity.keys
        self._exports = identity.exports

    async def get_account(
        self, _request: pb.GetAccountRequest, _ctx: Ctx[pb.GetAccountRequest, pb.GetAccountResponse], /
    ) -> pb.GetAccountResponse:
        """Returns the caller's account."""
        return pb.GetAccountResponse(account=await self._profiles.get(_call().principal))

    async def update_profile(self, request: pb.UpdateProfileRequest, _ctx: UpdateCtx, /) -> pb.UpdateProfileResponse:
        """Changes name, language or address."""
        call = _call()
        change = ProfileChange(
            name=request.name if request.HasField("name") else None,
            language=request.language if request.HasField("language") else None,
            email=request.email if request.HasField("email") else None,
            etag=request.etag,
        )
        account = await self._profiles.update(call.principal, call.origin, change)
        return pb.UpdateProfileResponse(account=account)

    async def confirm_password(
        self, request: pb.ConfirmPasswordRequest, _ctx: Ctx[pb.ConfirmPasswordRequest, pb.ConfirmPasswordResponse], /
    ) -> pb.ConfirmPasswordResponse:
        """Says once more who it is."""
        call = _call()
        await self._profiles.confirm_password(call.principal, call.origin, request.password)
        return pb.ConfirmPasswordResponse()

    async def change_password(
        self, request: pb.ChangePasswordRequest, ctx: PasswordCtx, /
    ) -> pb.ChangePasswordResponse:
        """Sets a password; the session goes on with another token."""
        call = _call()
        current, new = request.current_password, request.new_password
        account, token = await self._profiles.change_password(call.principal, call.origin, current, new)
        set_session(ctx, call.origin, token)
        return pb.ChangePasswordResponse(account=account)

    async def list_sessions(
        self, _request: pb.ListSessionsRequest, _ctx: Ctx[pb.ListSessionsRequest, pb.ListSessionsResponse], /
    ) -> pb.ListSessionsResponse:
        """Lists where the account is signed in."""
        return pb.ListSessionsResponse(sessions=await self._sessions.sessions_of(_call().principal))

    async def revoke_session(
        self, request: pb.RevokeSessionRequest, ctx: Ctx[pb.RevokeSessionRequest, pb.RevokeSessionResponse], /
    ) -> pb.RevokeSessionResponse:
        """Ends a session."""
        call = _call()
        await self._sessions.revoke(call.principal, call.origin, request.session_id)
        if request.session_id == call.principal.credential:
            clear_session(ctx, call.origin)
        return pb.RevokeSessionResponse()

    async def revoke_other_sessions(
        self,
        _request: pb.RevokeOtherSessionsRequest,
        _ctx: Ctx[pb.RevokeOtherSessionsRequest, pb.RevokeOtherSessionsResponse],
        /,
    ) -> pb.RevokeOtherSessionsResponse:
        """Signs out everywhere but here."""
        call = _call()
        ended = await self._profiles.revoke_others(call.principal, call.origin)
        return pb.RevokeOtherSessionsResponse(revoked=ended)

    async def create_api_key(
        self, request: pb.CreateApiKeyRequest, _ctx: Ctx[pb.CreateApiKeyRequest, pb.CreateApiKeyResponse], /
    ) -> pb.CreateApiKeyResponse:
        """Makes a key for programs."""
        call = _call()
        expire_us = us_of(request.expire_time) if request.HasField("expire_time") else None
        wanted = NewKey(request.name, tuple(request.scopes), expire_us)
        key, secret = await self._keys.create(call.principal, call.origin, wanted)
        return pb.CreateApiKeyResponse(api_key=key, secret=secret)

    async def list_api_keys(
        self, _request: pb.ListApiKeysRequest, _ctx: Ctx[pb.ListApiKeysRequest, pb.ListApiKeysResponse], /
    ) -> pb.ListApiKeysResponse:
        """Lists the account's keys."""
        return pb.ListApiKeysResponse(api_keys=await self._keys.listed(_call().principal))

    async def delete_api_key(
        self, request: pb.DeleteApiKeyRequest, _ctx: Ctx[pb.DeleteApiKeyRequest, pb.DeleteApiKeyResponse], /
    ) -> pb.DeleteApiKeyResponse:
        """Ends a key."""
        call = _call()
        await self._keys.delete(call.principal, call.origin, request.api_key_id)
        return pb.DeleteApiKeyResponse()

    async def export_account(
        self, _request: pb.ExportAccountRequest, _ctx: Ctx[pb.ExportAccountRequest, pb.ExportAccountResponse], /
    ) -> AsyncGenerator[pb.ExportAccountResponse]:
        """Returns all that belongs to the account, in pieces."""
        # Also without sign-in: what the one account wrote is its owner's to take along.
        call = incoming()
        async with aclosing(self._exports.export(call.principal, call.origin)) as pieces:
            async for piece in pieces:
                yield pb.ExportAccountResponse(data=piece)

    async def delete_account(
        self, request: pb.DeleteAccountRequest, ctx: Ctx[pb.DeleteAccountRequest, pb.DeleteAccountResponse], /
    ) -> pb.DeleteAccountResponse:
        """Removes the account for good."""
        call = _call()
        await self._profiles.remove(call.principal, call.origin, request.email)
        clear_session(ctx, call.origin)
        return pb.DeleteAccountResponse()


def _call() -> Incoming:
    """Who calls, from where. FailedPreconditionError (SINGLE_USER): there is no account to look after."""
    call = incoming()
    if not call.principal.credential:
        raise single_user()
    return call
