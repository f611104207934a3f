"""AuthService: signing in and out, and making accounts. The cookie goes out here; what it means is identity's."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fireside.core.principal import LOCAL
from fireside.edge.access import caller, incoming
from fireside.edge.cookies import clear_session, set_session
from fireside.gen.v1 import auth_service_pb2 as pb
from fireside.gen.v1 import permission_pb2
from fireside.gen.v1.auth_service_connect import AuthService
from fireside.identity.passkeys import Answer
from fireside.identity.sessions import single_user
from fireside.identity.sign_in import PASSKEY, Newcomer
from fireside.identity.sign_up import Applicant

if TYPE_CHECKING:
    from typing import Any

    from connectrpc.request import RequestContext

    from fireside.core.principal import Origin
    from fireside.gen.v1.account_pb2 import Account
    from fireside.identity.opening import Identity
    from fireside.identity.sign_in import SignedIn

# The one account of a server without sign-in may also what has no name yet.
_NAMED = frozenset(permission_pb2.Permission.values())


class AuthHandlers(AuthService):
    """The handlers of AuthService."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._sign_in = identity.sign_in

    async def get_auth_state(
        self, _request: pb.GetAuthStateRequest, ctx: RequestContext[pb.GetAuthStateRequest, pb.GetAuthStateResponse], /
    ) -> pb.GetAuthStateResponse:
        """Tells how one signs in here, and who has."""
        principal, origin = caller(), incoming().origin
        permissions = cast("list[permission_pb2.Permission]", sorted(principal.permissions & _NAMED))
        if principal == LOCAL:
            return pb.GetAuthStateResponse(single_user=True, permissions=permissions)
        policy = self._identity.policies.current
        state = await self._sign_in.state(principal, origin)
        providers = self._identity.provider_sign_in.providers.listed()
        return pb.GetAuthStateResponse(
            needs_set_up=state.needs_set_up,
            needs_set_up_token=state.needs_set_up_token,
            sign_up=policy.sign_up,
            account=state.account,
            permissions=permissions,
            link_sharing=policy.link_sharing,
            providers=[pb.SignInProvider(name=each.name, label=each.title) for each in providers],
            passkeys=self._identity.passkeys.usable(origin),
            mail=self._identity.mail.configured,
            must_add_second_factor=state.must_add_second_factor,
        )

    async def set_up(
        self, request: pb.SetUpRequest, ctx: RequestContext[pb.SetUpRequest, pb.SetUpResponse], /
    ) -> pb.SetUpResponse:
        """Makes the first admin."""
        origin = self._begin()
        newcomer = Newcomer(request.name, request.email, request.password, request.language)
        done = await self._sign_in.set_up(newcomer, request.token, origin)
        return pb.SetUpResponse(account=await self._arrived(ctx, done))

    async def sign_in(
        self, request: pb.SignInRequest, ctx: RequestContext[pb.SignInRequest, pb.SignInResponse], /
    ) -> pb.SignInResponse:
        """Signs in by address and password."""
        origin = self._begin()
        done = await self._sign_in.sign_in(request.email, request.password, origin)
        account = await self._arrived(ctx, done)
        return pb.SignInResponse(account=account, second_factor=done.needed, pending=done.pending)

    async def complete_sign_in(
        self,
        request: pb.CompleteSignInRequest,
        ctx: RequestContext[pb.CompleteSignInRequest, pb.CompleteSignInResponse],
        /,
    ) -> pb.CompleteSignInResponse:
        """Takes the second factor."""
        origin = self._begin()
        done = await self._sign_in.complete(request.challenge, request.totp_code, request.recovery_code, origin)
        return pb.CompleteSignInResponse(account=await self._arrived(ctx, done))

    async def sign_up(
        self, request: pb.SignUpRequest, ctx: RequestContext[pb.SignUpRequest, pb.SignUpResponse], /
    ) -> pb.SignUpResponse:
        """Makes an account."""
        origin = self._begin()
        applicant = Applicant(
            request.name, request.email, request.password, language=request.language, invitation=request.invitation
        )
        done = await self._identity.sign_ups.sign_up(applicant, origin)
        account = await self._arrived(ctx, done.signed_in)
        return pb.SignUpResponse(account=account, pending=done.signed_in.pending, check_mail=done.check_mail)

    async def confirm_email(
        self, request: pb.ConfirmEmailRequest, ctx: RequestContext[pb.ConfirmEmailRequest, pb.ConfirmEmailResponse], /
    ) -> pb.ConfirmEmailResponse:
        """Takes the link that was sent."""
        done = await self._identity.sign_ups.confirm_email(request.token, request.password, self._begin())
        return pb.ConfirmEmailResponse(account=await self._arrived(ctx, done), pending=done.pending)

    async def get_invitation(
        self,
        request: pb.GetInvitationRequest,
        ctx: RequestContext[pb.GetInvitationRequest, pb.GetInvitationResponse],
        /,
    ) -> pb.GetInvitationResponse:
        """Shows an invitation to whoever has its link."""
        self._begin()
        found = await self._identity.sign_ups.invitation(request.token)
        return pb.GetInvitationResponse(email=found.email, invited_by=found.invited_by)

    async def request_password_reset(
        self,
        request: pb.RequestPasswordResetRequest,
        ctx: RequestContext[pb.RequestPasswordResetRequest, pb.RequestPasswordResetResponse],
        /,
    ) -> pb.RequestPasswordResetResponse:
        """Sends a link, if there is such an account."""
        await self._identity.sign_ups.request_reset(request.email, self._begin())
        return pb.RequestPasswordResetResponse()

    async def reset_password(
        self,
        request: pb.ResetPasswordRequest,
        ctx: RequestContext[pb.ResetPasswordRequest, pb.ResetPasswordResponse],
        /,
    ) -> pb.ResetPasswordResponse:
        """Sets a password by a link."""
        done = await self._identity.sign_ups.reset_password(request.token, request.password, self._begin())
        account = await self._arrived(ctx, done)
        return pb.ResetPasswordResponse(account=account, second_factor=done.needed, pending=done.pending)

    async def begin_passkey_sign_in(
        self,
        request: pb.BeginPasskeySignInRequest,
        ctx: RequestContext[pb.BeginPasskeySignInRequest, pb.BeginPasskeySignInResponse],
        /,
    ) -> pb.BeginPasskeySignInResponse:
        """Starts signing in with a passkey."""
        asked = await self._identity.passkeys.begin_sign_in(request.challenge, self._begin())
        return pb.BeginPasskeySignInResponse(options_json=asked.options_json, challenge=asked.challenge)

    async def finish_passkey_sign_in(
        self,
        request: pb.FinishPasskeySignInRequest,
        ctx: RequestContext[pb.FinishPasskeySignInRequest, pb.FinishPasskeySignInResponse],
        /,
    ) -> pb.FinishPasskeySignInResponse:
        """Signs in with a passkey."""
        origin, answer = self._begin(), Answer(request.challenge, request.credential_json)
        passkeys = self._identity.passkeys
        done = await self._sign_in.by_proof(
            lambda: passkeys.finish_sign_in(answer, origin), request.challenge, origin, how=PASSKEY
        )
        return pb.FinishPasskeySignInResponse(account=await self._arrived(ctx, done), pending=done.pending)

    async def sign_out(
        self, _request: pb.SignOutRequest, ctx: RequestContext[pb.SignOutRequest, pb.SignOutResponse], /
    ) -> pb.SignOutResponse:
        """Ends the session, or the key, of the call."""
        origin, principal = self._begin(), caller()
        if principal.by_session:
            await self._sign_in.sign_out(principal, origin)
        else:
            await self._identity.keys.delete(principal, origin, principal.credential)
        clear_session(ctx, origin)
        return pb.SignOutResponse()

    def _begin(self) -> Origin:
        """Where the call comes from. FailedPreconditionError (SINGLE_USER): there is nothing to sign in to."""
        call = incoming()
        if call.principal == LOCAL:
            raise single_user()
        return call.origin

    async def _arrived(self, ctx: RequestContext[Any, Any], done: SignedIn) -> Account | None:
        """Gives the browser its new session in place of the one that it may have had."""
        if done.token:
            call = incoming()
            await self._sign_in.replace_session(call.principal)
            set_session(ctx, call.origin, done.token)
        return done.account
