"""Chooses the adapter of a kind of runner, and imports only that one. Not a registry: it makes a runner and forgets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fireside.gen.v1 import runner_pb2

if TYPE_CHECKING:
    from fireside.runners.base import BackendOptions, Runner

KINDS: Final = {
    "openai": runner_pb2.RUNNER_KIND_OPENAI,
    "ollama": runner_pb2.RUNNER_KIND_OLLAMA,
    "worker": runner_pb2.RUNNER_KIND_WORKER,
    "sglang": runner_pb2.RUNNER_KIND_SGLANG,
    "triton": runner_pb2.RUNNER_KIND_TRITON,
}
"""What the kinds are called in settings."""

NAMES: Final = {kind: name for name, kind in KINDS.items()}


def build(kind: runner_pb2.RunnerKind, options: BackendOptions) -> Runner:
    """A runner of this kind. It connects to nothing yet. Raises ValueError for a kind that has no adapter."""
    if kind == runner_pb2.RUNNER_KIND_OPENAI:
        from fireside.runners.openai.runner import OpenAIRunner

        return OpenAIRunner(options)
    if kind == runner_pb2.RUNNER_KIND_OLLAMA:
        from fireside.runners.ollama.runner import OllamaRunner

        return OllamaRunner(options)
    if kind == runner_pb2.RUNNER_KIND_WORKER:
        from fireside.runners.worker.runner import WorkerRunner

        return WorkerRunner(options)
    if kind == runner_pb2.RUNNER_KIND_SGLANG:
        from fireside.runners.sglang.runner import SGLangRunner

        return SGLangRunner(options)
    if kind == runner_pb2.RUNNER_KIND_TRITON:
        from fireside.runners.triton.runner import TritonRunner

        return TritonRunner(options)
    message = f"there is no adapter for the kind {kind}"
    raise ValueError(message)
