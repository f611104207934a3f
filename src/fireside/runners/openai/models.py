"""What OpenAI-compatible servers say of their models, each in its own way. Does no I/O."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from fireside.gen.v1 import model_pb2
from fireside.runners.refusals import garbage

if TYPE_CHECKING:
    from collections.abc import Sequence

LLAMA = "llama.cpp"
_MAKERS = {"llamacpp": LLAMA, "vllm": "vLLM", "sglang": "SGLang", "library": "Ollama"}
# OpenAI's own list has everything that it sells, and does not say what is for what.
_OPENAI = ("openai", "system")
_NO_CHAT = re.compile(
    r"^(whisper|tts|dall-e|gpt-image|sora|davinci|babbage)|moderation|-(tts|transcribe|realtime|audio)"
)
_MOST_TOKENS = 0xFFFF_FFFF


class _Architecture(msgspec.Struct):
    input_modalities: list[str] | None = None
    output_modalities: list[str] | None = None


class _Meta(msgspec.Struct):
    n_ctx: int | None = None
    n_ctx_train: int | None = None


class Listed(msgspec.Struct):
    """A model as GET /models has it: OpenAI's own fields and those that others add.

    `max_model_len` is vLLM's, `meta` llama.cpp's, `context_length` and `architecture` OpenRouter's, and `type` and
    `max_context_length` LM Studio's. Lengths are in tokens.
    """

    id: str
    name: str | None = None
    owned_by: str | None = None
    type: str | None = None
    max_model_len: int | None = None
    max_context_length: int | None = None
    context_length: int | None = None
    context_window: int | None = None
    meta: _Meta | None = None
    architecture: _Architecture | str | None = None


class _Listing(msgspec.Struct):
    data: list[Listed]


_listings = msgspec.json.Decoder(_Listing | list[Listed])


def listed(body: bytes) -> Sequence[Listed]:
    """The entries. Raises UnavailableError (RUNNER_FAILED)."""
    try:
        listing = _listings.decode(body)
    except msgspec.MsgspecError as error:
        raise garbage(str(error)) from error
    return listing.data if isinstance(listing, _Listing) else listing


def describe(runner: str, entries: Sequence[Listed], wanted: Sequence[str]) -> tuple[tuple[model_pb2.Model, ...], str]:
    """The models to offer, ready, and what the server calls itself (empty if it does not).

    `wanted`, unless empty, is what to offer, in its order; a server need not list all that it takes.
    """
    known = {entry.id: entry for entry in entries}
    version = next((_MAKERS[entry.owned_by] for entry in entries if entry.owned_by in _MAKERS), "")
    if version == LLAMA and len(entries) == 1:
        # It has one model, and answers with it whatever name it is asked for.
        known.update({name: replace(entries[0], id=name) for name in wanted})
    chosen = [known.get(name) or Listed(name) for name in dict.fromkeys(wanted)] if wanted else list(known.values())
    return tuple(_model(runner, entry) for entry in chosen if entry.id), version


def _model(runner: str, entry: Listed) -> model_pb2.Model:
    inputs = (entry.architecture.input_modalities if isinstance(entry.architecture, _Architecture) else None) or ()
    embeds = "embed" in (entry.type or entry.id).lower()
    return model_pb2.Model(
        id=f"{runner}/{entry.id}",
        # llama.cpp names a model by its file.
        display_name=entry.name or (PurePath(entry.id).stem if entry.id.endswith(".gguf") else entry.id),
        runner=runner,
        context_length=_context(entry),
        state=model_pb2.MODEL_STATE_READY,
        tasks=[model_pb2.MODEL_TASK_EMBED if embeds else model_pb2.MODEL_TASK_CHAT],
        vision="image" in inputs or entry.type == "vlm",
        hidden=(entry.owned_by or "").startswith(_OPENAI) and _NO_CHAT.search(entry.id) is not None,
    )


def _context(entry: Listed) -> int:
    meta = entry.meta or _Meta()
    said = (
        entry.max_model_len,
        meta.n_ctx,
        entry.context_length,
        entry.context_window,
        entry.max_context_length,
        meta.n_ctx_train,
    )
    return next((length for length in said if length and 0 < length <= _MOST_TOKENS), 0)
