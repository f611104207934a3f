"""Addresses of runners: which are taken, in which form, and what is told of the others."""

from __future__ import annotations

import pytest

from fireside.runners.addresses import AddressError, checked, origins


@pytest.mark.parametrize(
    ("kind", "given", "form"),
    [
        ("ollama", " http://localhost:11434/ ", "http://localhost:11434"),
        ("ollama", "HTTPS://Box.Example/ollama//", "https://box.example/ollama"),
        ("openai", "https://api.example.org/v1/", "https://api.example.org/v1"),
        ("openai", "http://[::1]:8000/V1", "http://[::1]:8000/V1"),
        ("worker", "Shed:50051", "shed:50051"),
        ("worker", "grpcs://shed.example:443/", "grpcs://shed.example:443"),
        ("sglang", "[::1]:30000", "[::1]:30000"),
        ("triton", "grpc://10.0.0.1:8001", "grpc://10.0.0.1:8001"),
    ],
)
def test_an_address_gets_one_form(kind: str, given: str, form: str) -> None:
    assert checked(kind, [given]) == (form,)
    assert checked(kind, [form]) == (form,)


@pytest.mark.parametrize(
    ("kind", "given", "part"),
    [
        ("ollama", "localhost:11434", "http:// or https:// in front"),
        ("openai", "ftp://box/v1", "http:// or https://"),
        ("openai", "http:///v1", "a host"),
        ("openai", "http://box/v1?key=secret", "without ?"),
        ("openai", "http://me:secret@box/v1", "as the API key"),
        ("openai", "https://api.example.org/v1/chat/completions", "without /chat/completions"),
        ("ollama", "http://box:11434/api/", "without /api"),
        ("ollama", "http://box:0", "a host"),
        ("ollama", "http://box:99999", "a port from 1 to 65535"),
        ("ollama", "http://bo x:1", "without spaces"),
        ("worker", "shed", "host:port"),
        ("worker", "http://shed:50051", "speaks gRPC"),
        ("worker", "shed:50051/path", "host:port"),
        ("triton", ":8001", "a host"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_being_repeated(kind: str, given: str, part: str) -> None:
    with pytest.raises(AddressError) as caught:
        checked(kind, [given])
    assert part in caught.value.expected
    assert "secret" not in str(caught.value)
    assert caught.value.index == 0


def test_only_grpc_spreads_over_addresses() -> None:
    assert checked("worker", ["a:1", "b:1"]) == ("a:1", "b:1")
    for kind, given, index in (
        ("ollama", ["http://a", "http://b"], 1),
        ("worker", ["a:1", "A:1/"], 1),
        ("ollama", [], 0),
    ):
        with pytest.raises(AddressError) as caught:
            checked(kind, given)
        assert caught.value.index == index


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a/v1", "http://a:80/v2", True),
        ("https://a", "https://a:443/x", True),
        ("http://a", "https://a", False),
        ("http://a", "http://a:8080", False),
        ("http://a", "http://b", False),
        ("a:1", "grpc://a:1", True),
        ("a:1", "grpcs://a:1", False),
    ],
)
def test_what_the_same_server_is(one: str, other: str, same: bool) -> None:
    assert (origins([one]) == origins([other])) is same
