"""ModelService over the models that the caller may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.errors import OutOfRangeError
from fireside.edge.access import caller
from fireside.gen.v1 import model_service_pb2 as pb

if TYPE_CHECKING:
    from connectrpc.request import RequestContext

    from fireside.chat.admission import Admission

_PAGE = 100


class ModelHandlers:
    """The handlers of ModelService."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def list_models(
        self, request: pb.ListModelsRequest, ctx: RequestContext[pb.ListModelsRequest, pb.ListModelsResponse]
    ) -> pb.ListModelsResponse:
        """A page token is the id of the last model of the page before."""
        info = await self._admission.models(caller())
        ids = [model.id for model in info.models]
        if request.page_token and request.page_token not in ids:
            raise OutOfRangeError("PAGE_TOKEN_UNKNOWN", "The page token is not one of this list: list from the start.")
        start = ids.index(request.page_token) + 1 if request.page_token else 0
        end = start + (request.page_size or _PAGE)
        token = ids[end - 1] if end < len(ids) else ""
        return pb.ListModelsResponse(models=info.models[start:end], next_page_token=token, hint=info.hint)

    async def get_model(
        self, request: pb.GetModelRequest, ctx: RequestContext[pb.GetModelRequest, pb.GetModelResponse]
    ) -> pb.GetModelResponse:
        """NOT_FOUND for an id that no runner has."""
        return pb.GetModelResponse(model=await self._admission.get(caller(), request.model_id))
