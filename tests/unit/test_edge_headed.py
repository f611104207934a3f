"""Headers that answers get besides their own: once, at their start."""

from __future__ import annotations

from fireside.edge.headed import NO_SNIFFING, NOT_STORED, Headed
from fireside.edge.plain import Message


async def sent(*messages: Message) -> list[Message]:
    """What becomes of an answer."""
    out: list[Message] = []

    async def send(message: Message) -> None:
        out.append(message)

    headed = Headed(send, (NO_SNIFFING, NOT_STORED, (b"vary", b"origin")))
    for message in messages:
        await headed(message)
    return out


async def test_a_start_gets_them_and_all_else_passes_untouched() -> None:
    start: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
    body: Message = {"type": "http.response.body", "body": b"x"}
    first, second = await sent(start, body)
    assert first["headers"] == [(b"content-type", b"text/plain"), NO_SNIFFING, NOT_STORED, (b"vary", b"origin")]
    assert second is body
    assert start["headers"] == [(b"content-type", b"text/plain")]


async def test_what_an_answer_says_itself_stays() -> None:
    own = [(b"cache-control", b"no-cache"), (b"vary", b"accept-encoding")]
    (first,) = await sent({"type": "http.response.start", "status": 200, "headers": own})
    assert first["headers"] == [*own, NO_SNIFFING, (b"vary", b"origin")]
