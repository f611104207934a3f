"""The part of AccountService about what an account asks for besides its password, over identity.second_factors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.edge.access import incoming
from fireside.gen.v1 import account_service_pb2 as pb
from fireside.gen.v1.account_service_connect import AccountService
from fireside.identity import totp
from fireside.identity.passkeys import Answer
from fireside.identity.sessions import single_user

if TYPE_CHECKING:
    from typing import TypeAlias

    from connectrpc.request import RequestContext as Ctx

    from fireside.edge.access import Incoming
    from fireside.identity.opening import Identity

    GetCtx: TypeAlias = Ctx[pb.GetSecondFactorsRequest, pb.GetSecondFactorsResponse]
    RenewCtx: TypeAlias = Ctx[pb.RenewRecoveryCodesRequest, pb.RenewRecoveryCodesResponse]


class FactorHandlers(AccountService):
    """The handlers for second factors. Their changes need a session that has just proved who it is."""

    def __init__(self, identity: Identity) -> None:
        self._sessions = identity.sessions
        self._factors = identity.second_factors
        self._passkeys = identity.passkeys

    async def get_second_factors(
        self, _request: pb.GetSecondFactorsRequest, _ctx: GetCtx, /
    ) -> pb.GetSecondFactorsResponse:
        """Tells what the account asks for."""
        return pb.GetSecondFactorsResponse(second_factors=await self._factors.listed(_call().principal))

    async def begin_totp(
        self, _request: pb.BeginTotpRequest, _ctx: Ctx[pb.BeginTotpRequest, pb.BeginTotpResponse], /
    ) -> pb.BeginTotpResponse:
        """Makes a secret for an authenticator app."""
        call = await self._fresh()
        uri, secret = await self._factors.begin_totp(call.principal)
        return pb.BeginTotpResponse(uri=uri, secret=secret, qr_svg=totp.qr_svg(uri))

    async def confirm_totp(
        self, request: pb.ConfirmTotpRequest, _ctx: Ctx[pb.ConfirmTotpRequest, pb.ConfirmTotpResponse], /
    ) -> pb.ConfirmTotpResponse:
        """Turns codes on."""
        call = _call()
        codes = await self._factors.confirm_totp(call.principal, call.origin, request.code)
        return pb.ConfirmTotpResponse(recovery_codes=codes)

    async def remove_totp(
        self, _request: pb.RemoveTotpRequest, _ctx: Ctx[pb.RemoveTotpRequest, pb.RemoveTotpResponse], /
    ) -> pb.RemoveTotpResponse:
        """Turns codes off."""
        call = await self._fresh()
        await self._factors.remove_totp(call.principal, call.origin)
        return pb.RemoveTotpResponse()

    async def renew_recovery_codes(
        self, _request: pb.RenewRecoveryCodesRequest, _ctx: RenewCtx, /
    ) -> pb.RenewRecoveryCodesResponse:
        """Replaces the recovery codes."""
        call = await self._fresh()
        codes = await self._factors.renew_codes(call.principal, call.origin)
        return pb.RenewRecoveryCodesResponse(recovery_codes=codes)

    async def begin_passkey(
        self, _request: pb.BeginPasskeyRequest, _ctx: Ctx[pb.BeginPasskeyRequest, pb.BeginPasskeyResponse], /
    ) -> pb.BeginPasskeyResponse:
        """Starts adding a passkey."""
        call = await self._fresh()
        asked = await self._passkeys.begin(call.principal, call.origin)
        return pb.BeginPasskeyResponse(options_json=asked.options_json, challenge=asked.challenge)

    async def finish_passkey(
        self, request: pb.FinishPasskeyRequest, _ctx: Ctx[pb.FinishPasskeyRequest, pb.FinishPasskeyResponse], /
    ) -> pb.FinishPasskeyResponse:
        """Adds it."""
        call = _call()
        answer = Answer(request.challenge, request.credential_json)
        passkey = await self._passkeys.finish(call.principal, call.origin, answer, request.name)
        return pb.FinishPasskeyResponse(passkey=passkey)

    async def remove_passkey(
        self, request: pb.RemovePasskeyRequest, _ctx: Ctx[pb.RemovePasskeyRequest, pb.RemovePasskeyResponse], /
    ) -> pb.RemovePasskeyResponse:
        """Forgets a passkey."""
        call = await self._fresh()
        await self._passkeys.remove(call.principal, call.origin, request.passkey_id)
        return pb.RemovePasskeyResponse()

    async def _fresh(self) -> Incoming:
        """Who calls. FailedPreconditionError (SINGLE_USER, CONFIRM_PASSWORD)."""
        call = incoming()
        await self._sessions.require_fresh(call.principal)
        return call


def _call() -> Incoming:
    """Who calls. FailedPreconditionError (SINGLE_USER)."""
    call = incoming()
    if not call.principal.credential:
        raise single_user()
    return call
