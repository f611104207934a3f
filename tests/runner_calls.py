"""Short ways to manage runners through the port, for tests."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo

from fireside.gen.v1 import chat_service_pb2 as chat
from fireside.gen.v1 import model_service_pb2, runner_pb2
from fireside.gen.v1 import runner_service_pb2 as pb
from tests.callers import Caller, CallError
from tests.ollama_server import CHAT
from tests.rig import send

OLLAMA, OPENAI, WORKER = runner_pb2.RUNNER_KIND_OLLAMA, runner_pb2.RUNNER_KIND_OPENAI, runner_pb2.RUNNER_KIND_WORKER
OK, DOWN, DISABLED = runner_pb2.RUNNER_HEALTH_OK, runner_pb2.RUNNER_HEALTH_DOWN, runner_pb2.RUNNER_HEALTH_DISABLED
MODEL = f"shed/{CHAT}:latest"
SECRET = "sk-never-to-be-seen"
ANOTHER_KEY = "another key than that of the file"
# Nothing listens there, and nothing ever will: it is the discard service's port.
NOWHERE = "http://127.0.0.1:9"


def spec(name: str, address: str, kind: runner_pb2.RunnerKind = OLLAMA, **more: Any) -> runner_pb2.RunnerSpec:
    return runner_pb2.RunnerSpec(name=name, kind=kind, addresses=[address], **more)


async def create(client: Caller, wanted: runner_pb2.RunnerSpec, secret: str = "") -> runner_pb2.Runner:
    return (await client.unary("CreateRunner", pb.CreateRunnerRequest(spec=wanted, secret=secret))).runner


async def listed(client: Caller) -> list[runner_pb2.Runner]:
    return list((await client.unary("ListRunners", pb.ListRunnersRequest())).runners)


async def model_ids(client: Caller) -> list[str]:
    found = await client.unary("ListModels", model_service_pb2.ListModelsRequest())
    return [model.id for model in found.models]


async def refused(call: Any) -> tuple[str, str, list[str]]:
    """Code, reason and wrong fields of a call that fails."""
    with pytest.raises(CallError) as caught:
        await call
    error = caught.value
    assert SECRET not in repr(error)
    info = ErrorInfo.FromString(error.details["google.rpc.ErrorInfo"])
    bad = BadRequest.FromString(error.details.get("google.rpc.BadRequest", b""))
    return error.code, info.reason, [violation.field for violation in bad.field_violations]


def text_of(part: chat.GenerateResponse) -> str:
    """The text that events add."""
    assert not any(event.ended.HasField("error") for event in part.events), part
    return "".join(event.delta.text for event in part.events)


async def answer_of(client: Caller, model: str) -> str:
    """The text that a model answers."""
    request = chat.GenerateRequest(spec=send("x"))
    request.spec.model = model
    text = ""
    async with aclosing(client.stream("Generate", request)) as answers:
        async for part in answers:
            text += text_of(part)
    return text
