"""GET /v1/models and GET /v1/models/{id}: the catalog in OpenAI's shape."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from fireside.edge.openai.answers import ModelCard, ModelList, reply
from fireside.gen.v1 import model_pb2

if TYPE_CHECKING:
    from fireside.chat.admission import Admission
    from fireside.core.principal import Principal
    from fireside.edge.plain import Reply


class Models:
    """The handlers. OpenAI's clients want to know when a model was made; here that is when the server started."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._created = int(time.time())

    async def list(self, principal: Principal) -> Reply:
        """All but the hidden ones, those that cannot answer now included; a hidden one if it is the default."""
        info = await self._admission.models(principal)
        return reply(ModelList([self._card(model) for model in info.models if not model.hidden or model.default]))

    async def get(self, principal: Principal, model_id: str) -> Reply:
        """One, listed or not. Raises NotFoundError (MODEL_NOT_FOUND)."""
        return reply(self._card(await self._admission.get(principal, model_id)))

    def _card(self, model: model_pb2.Model) -> ModelCard:
        return ModelCard(
            id=model.id,
            created=self._created,
            owned_by=model.runner or "fireside",
            name=model.display_name or model.id,
            available=model.state == model_pb2.MODEL_STATE_READY,
            context_length=model.context_length or msgspec.UNSET,
            alias_of=list(model.alias_of) or msgspec.UNSET,
        )
