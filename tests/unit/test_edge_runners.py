"""Every RPC of RunnerService asks who calls before it does anything."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from fireside.core.errors import UnauthenticatedError
from fireside.edge.rpc.runners import RunnerHandlers
from fireside.gen.v1 import runner_service_pb2

METHODS = list(runner_service_pb2.DESCRIPTOR.services_by_name["RunnerService"].methods)


def nobody(_headers: Any) -> Any:
    raise UnauthenticatedError("NOT_SIGNED_IN", "Sign in.")


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
async def test_a_caller_who_is_nobody_is_refused(method: Any) -> None:
    nothing: Any = None  # a registry that is touched before the caller is known fails the test
    handlers = RunnerHandlers(nothing, nobody)
    handler = getattr(handlers, re.sub("(?<!^)(?=[A-Z])", "_", method.name).lower())
    context: Any = SimpleNamespace(request_headers={})
    answer = handler(GetMessageClass(method.input_type)(), context)
    with pytest.raises(UnauthenticatedError):
        await (anext(answer) if method.server_streaming else answer)
