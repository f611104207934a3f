"""PeopleService over identity.people and identity.invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.edge.rpc.admins import admin
from fireside.gen.v1 import people_service_pb2 as pb
from fireside.identity.invitations import Wanted
from fireside.identity.people import NewAccount, Query, Update

if TYPE_CHECKING:
    from connectrpc.request import RequestContext

    from fireside.identity.invitations import Invitations
    from fireside.identity.people import People


class PeopleHandlers:
    """The handlers of PeopleService."""

    def __init__(self, people: People, invitations: Invitations) -> None:
        self._people = people
        self._invitations = invitations

    async def list_accounts(
        self, request: pb.ListAccountsRequest, ctx: RequestContext[pb.ListAccountsRequest, pb.ListAccountsResponse]
    ) -> pb.ListAccountsResponse:
        """Lists accounts by name."""
        admin()
        query = Query(request.query, request.state, request.group_id)
        page = await self._people.page(query, request.page_size, request.page_token)
        return pb.ListAccountsResponse(
            accounts=page.accounts, next_page_token=page.next_token, total=page.total, pending=page.pending
        )

    async def create_account(
        self, request: pb.CreateAccountRequest, ctx: RequestContext[pb.CreateAccountRequest, pb.CreateAccountResponse]
    ) -> pb.CreateAccountResponse:
        """Makes an account."""
        wanted = NewAccount(
            name=request.name,
            email=request.email,
            role=request.role,
            group_ids=request.group_ids,
            password=request.password,
            request_id=request.request_id,
        )
        account, link = await self._people.create(admin(), wanted)
        return pb.CreateAccountResponse(account=account, link=link)

    async def update_account(
        self, request: pb.UpdateAccountRequest, ctx: RequestContext[pb.UpdateAccountRequest, pb.UpdateAccountResponse]
    ) -> pb.UpdateAccountResponse:
        """Changes an account."""
        update = Update(
            name=request.name if request.HasField("name") else None,
            email=request.email if request.HasField("email") else None,
            role=request.role if request.HasField("role") else None,
            state=request.state if request.HasField("state") else None,
            group_ids=request.groups.group_ids if request.HasField("groups") else None,
            etag=request.etag,
        )
        return pb.UpdateAccountResponse(account=await self._people.update(admin(), request.account_id, update))

    async def remove_account(
        self, request: pb.RemoveAccountRequest, ctx: RequestContext[pb.RemoveAccountRequest, pb.RemoveAccountResponse]
    ) -> pb.RemoveAccountResponse:
        """Removes an account."""
        await self._people.remove(admin(), request.account_id, request.email)
        return pb.RemoveAccountResponse()

    async def create_password_link(
        self,
        request: pb.CreatePasswordLinkRequest,
        ctx: RequestContext[pb.CreatePasswordLinkRequest, pb.CreatePasswordLinkResponse],
    ) -> pb.CreatePasswordLinkResponse:
        """Makes a link to set a password."""
        return pb.CreatePasswordLinkResponse(link=await self._people.password_link(admin(), request.account_id))

    async def sign_out_account(
        self,
        request: pb.SignOutAccountRequest,
        ctx: RequestContext[pb.SignOutAccountRequest, pb.SignOutAccountResponse],
    ) -> pb.SignOutAccountResponse:
        """Ends sessions and keys."""
        await self._people.sign_out(admin(), request.account_id)
        return pb.SignOutAccountResponse()

    async def remove_second_factors(
        self,
        request: pb.RemoveSecondFactorsRequest,
        ctx: RequestContext[pb.RemoveSecondFactorsRequest, pb.RemoveSecondFactorsResponse],
    ) -> pb.RemoveSecondFactorsResponse:
        """Takes second factors away."""
        await self._people.remove_second_factors(admin(), request.account_id)
        return pb.RemoveSecondFactorsResponse()

    async def create_invitation(
        self,
        request: pb.CreateInvitationRequest,
        ctx: RequestContext[pb.CreateInvitationRequest, pb.CreateInvitationResponse],
    ) -> pb.CreateInvitationResponse:
        """Makes an invitation."""
        lifetime = request.lifetime.ToMicroseconds() / 1_000_000 if request.HasField("lifetime") else 0
        wanted = Wanted(request.email, request.role, request.group_ids, lifetime)
        made = await self._invitations.create(admin(), wanted)
        return pb.CreateInvitationResponse(invitation=made.invitation, link=made.link, mailed=made.mailed)

    async def list_invitations(
        self,
        _request: pb.ListInvitationsRequest,
        ctx: RequestContext[pb.ListInvitationsRequest, pb.ListInvitationsResponse],
    ) -> pb.ListInvitationsResponse:
        """Lists the invitations that hold."""
        admin()
        return pb.ListInvitationsResponse(invitations=await self._invitations.listed())

    async def delete_invitation(
        self,
        request: pb.DeleteInvitationRequest,
        ctx: RequestContext[pb.DeleteInvitationRequest, pb.DeleteInvitationResponse],
    ) -> pb.DeleteInvitationResponse:
        """Ends an invitation."""
        await self._invitations.delete(admin(), request.invitation_id)
        return pb.DeleteInvitationResponse()
