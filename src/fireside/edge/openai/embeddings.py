"""POST /v1/embeddings: texts to vectors, straight from the model. Nothing is stored."""

from __future__ import annotations

import base64
import sys
from array import array
from typing import TYPE_CHECKING

from fireside.edge.openai.answers import Embedding, EmbeddingList, EmbeddingsUsage, reply
from fireside.edge.openai.requests import decode, embeddings_requests, wrong_field
from fireside.gen.v1.message_pb2 import Usage

if TYPE_CHECKING:
    from fireside.chat.admission import Admission
    from fireside.edge.openai.call import Call
    from fireside.edge.openai.requests import EmbeddingsRequest

# As many as OpenAI takes.
_MOST_TEXTS = 2048


class Embeddings:
    """The handler."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def serve(self, call: Call) -> None:
        """Answers a call. Raises FiresideError before the answer has begun."""
        request = decode(embeddings_requests, call.take_body())
        await call.attended(self._answer(call, request, _texts(request)))

    async def _answer(self, call: Call, request: EmbeddingsRequest, texts: list[str]) -> None:
        await self._admission.prepare(call.principal, request.model)
        route = self._admission.route(call.principal, self._admission.admit(call.principal, request.model))
        found = await route.embed(texts, call.principal.id)
        self._admission.spend(call.principal.id, Usage(prompt_tokens=found.prompt_tokens))
        pack = _base64 if request.encoding_format == "base64" else tuple[float, ...]
        data = [Embedding(index, pack(vector)) for index, vector in enumerate(found.vectors)]
        usage = EmbeddingsUsage(found.prompt_tokens, found.prompt_tokens)
        await call.reply(reply(EmbeddingList(data, route.model, usage)))


def _texts(request: EmbeddingsRequest) -> list[str]:
    """What is to be embedded. Raises InvalidArgumentError."""
    if request.encoding_format not in (None, "float", "base64"):
        raise wrong_field("encoding_format", "it may be float or base64")
    if request.dimensions is not None:
        raise wrong_field("dimensions", "this server gives vectors as long as the model makes them")
    given = [request.input] if isinstance(request.input, str) else request.input
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        raise wrong_field("input", "this server takes texts, not tokens: models here have tokenizers of their own")
    if not texts or len(texts) > _MOST_TEXTS:
        raise wrong_field("input", f"there must be 1 to {_MOST_TEXTS} texts")
    if not all(texts):
        raise wrong_field("input", "a text must not be empty")
    return texts


def _base64(vector: tuple[float, ...]) -> str:
    """Little-endian 32-bit floats, as OpenAI's client asks for by default."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()
