"""What the end of a gRPC call to a runner means: with a peer of ours that says more, and with one that does not."""

from __future__ import annotations

import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from fireside.core.errors import (
    DeadlineExceededError,
    FiresideError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)
from fireside.runners.grpc.errors import CallStatus, error_of, is_away


def details(reason: str, message: str = "They say so.", domain: str = "fireside", **metadata: str) -> bytes:
    parts = [ErrorInfo(reason=reason, domain=domain, metadata=metadata), RetryInfo(retry_delay=Duration(seconds=7))]
    packed = [
        Packed(type_url=f"type.googleapis.com/{part.DESCRIPTOR.full_name}", value=part.SerializeToString())
        for part in parts
    ]
    return Status(message=message, details=packed).SerializeToString()


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("NOT_FOUND", NotFoundError, "MODEL_NOT_FOUND"),
        ("INVALID_ARGUMENT", InvalidArgumentError, "RUNNER_REFUSED"),
        ("RESOURCE_EXHAUSTED", ResourceExhaustedError, "RUNNER_RATE_LIMITED"),
        ("DEADLINE_EXCEEDED", DeadlineExceededError, "RUNNER_TOTAL_TIMEOUT"),
        ("UNAUTHENTICATED", UnavailableError, "RUNNER_UNAUTHORIZED"),
        ("PERMISSION_DENIED", UnavailableError, "RUNNER_UNAUTHORIZED"),
        ("UNAVAILABLE", UnavailableError, "RUNNER_UNAVAILABLE"),
        ("CANCELLED", UnavailableError, "RUNNER_UNAVAILABLE"),
        ("UNIMPLEMENTED", UnavailableError, "RUNNER_FAILED"),
        ("INTERNAL", UnavailableError, "RUNNER_FAILED"),
        ("UNKNOWN", UnavailableError, "RUNNER_FAILED"),
    ],
)
def test_a_status_alone_is_an_error_of_its_own(code: str, kind: type[FiresideError], reason: str) -> None:
    for packed in (b"", b"\xff\xff", details("OTHER", domain="example.org")):
        error = error_of(CallStatus(code, "words", packed), "lab", "far:1", begun=False)
        assert type(error) is kind
        assert error.reason == reason
        assert error.message


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        ("NOT_FOUND", "MODEL_NOT_FOUND", NotFoundError),
        ("INVALID_ARGUMENT", "PROMPT_TOO_LONG", InvalidArgumentError),
        ("RESOURCE_EXHAUSTED", "QUEUE_FULL", ResourceExhaustedError),
        ("DEADLINE_EXCEEDED", "RUNNER_STALLED", DeadlineExceededError),
        ("UNAVAILABLE", "RUNNER_FAILED", UnavailableError),
    ],
)
def test_what_a_peer_of_ours_says_is_passed_on(code: str, reason: str, kind: type[FiresideError]) -> None:
    error = error_of(CallStatus(code, "words", details(reason, model="m")), "lab", "far:1", begun=True)
    assert type(error) is kind
    assert (error.reason, error.message, error.metadata["model"]) == (reason, "They say so.", "m")
    if isinstance(error, ResourceExhaustedError | UnavailableError):
        assert error.retry_after == 7.0


@pytest.mark.parametrize("packed", [b"", details("SHUTTING_DOWN")])
def test_a_peer_that_goes_away_in_mid_answer_has_died(packed: bytes) -> None:
    error = error_of(CallStatus("UNAVAILABLE", "Socket closed", packed), "lab", "far:1", begun=True)
    assert error.reason == "RUNNER_DIED"
    assert is_away(error)
