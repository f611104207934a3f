"""Protobuf against JSON for what the server sends: sizes, plain and gzipped, and what encoding and parsing cost in Python.

Usage: python -m bench.wire. The JSON is what Connect sends of the same message; beside it is OpenAI's chunk for a token.
Three JSON codecs are measured: protobuf's own (which Connect with JSON uses), the standard library's, and msgspec's
without a schema. The last two leave out what a server also does: turning its records into plain values and back.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from google.protobuf import json_format
from google.protobuf.message import Message

from fireside.gen.v1 import chat_service_pb2, conversation_pb2, conversation_service_pb2, generation_pb2, message_pb2

ID = "0199c0de-7a3b-7c1d-9e2f-{:012d}"
WORDS = "The fire in the hearth has burned low, and someone should fetch another log before the evening is over. "
SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    message: Message


def cases() -> list[Case]:
    events = [generation_pb2.Event(seq=100 + n, delta=generation_pb2.Delta(text=" fireplace")) for n in range(16)]
    answer = message_pb2.Message(
        id=ID.format(1), parent_id=ID.format(2), role=message_pb2.ROLE_ASSISTANT, model="ollama/qwen3:8b",
        parts=[message_pb2.Part(text=message_pb2.TextPart(text=(WORDS * 4)[:350]))],
        usage=message_pb2.Usage(prompt_tokens=812, completion_tokens=64),
    )  # fmt: skip
    answer.create_time.FromMilliseconds(1_763_800_000_123)
    conversations = []
    for number in range(50):
        one = conversation_pb2.Conversation(id=ID.format(number), title=WORDS[number % 40 : number % 40 + 36])
        one.create_time.FromMilliseconds(1_763_800_000_123 + number)
        one.update_time.FromMilliseconds(1_763_900_000_123 + number)
        conversations.append(one)
    return [
        Case("one token", chat_service_pb2.GenerateResponse(events=events[:1])),
        Case("16 tokens in one message", chat_service_pb2.GenerateResponse(events=events)),
        Case("an answer of 64 tokens", answer),
        Case(
            "a page of 50 conversations",
            conversation_service_pb2.ListConversationsResponse(conversations=conversations),
        ),
    ]


def microseconds(work: Callable[[], object]) -> float:
    """The best of five runs: other programs only ever make it slower."""
    count, best = 1, float("inf")
    while True:
        begin = time.perf_counter()
        for _ in range(count):
            work()
        took = time.perf_counter() - begin
        if took > SECONDS / 10:
            break
        count *= 4
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(count):
            work()
        best = min(best, (time.perf_counter() - begin) / count)
    return best * 1e6


def row(name: str, form: str, data: bytes, encode: Callable[[], object], parse: Callable[[], object]) -> str:
    return (
        f"| {name} | {form} | {len(data):,} | {len(gzip.compress(data, 6)):,} "
        f"| {microseconds(encode):.2f} | {microseconds(parse):.2f} |"
    )


def openai_chunk() -> str:
    chunk = {
        "id": "chatcmpl-0199c0de7a3b7c1d9e2f", "object": "chat.completion.chunk", "created": 1763800000,
        "model": "ollama/qwen3:8b",
        "choices": [{"index": 0, "delta": {"content": " fireplace"}, "finish_reason": None}],
    }  # fmt: skip
    data = b"data: " + msgspec.json.encode(chunk) + b"\n\n"
    return row(
        "one token", "JSON, OpenAI's event", data, lambda: msgspec.json.encode(chunk),
        lambda: msgspec.json.decode(data[6:]),
    )  # fmt: skip


def main() -> None:
    print("| what | form | bytes | gzipped | encode us | parse us |")
    print("|---|---|---|---|---|---|")
    for case in cases():
        message, kind = case.message, type(case.message)
        data = message.SerializeToString()
        print(row(case.name, "Protobuf", data, message.SerializeToString, lambda k=kind, d=data: k.FromString(d)))
        text = json_format.MessageToJson(message, indent=None)
        plain = json.loads(text)
        compact = msgspec.json.encode(plain)
        protobuf_json = (lambda m=message: json_format.MessageToJson(m, indent=None),
                         lambda t=text, k=kind: json_format.Parse(t, k()))  # fmt: skip
        standard = (lambda p=plain: json.dumps(p), lambda t=text: json.loads(t))
        fast = (lambda p=plain: msgspec.json.encode(p), lambda c=compact: msgspec.json.decode(c))
        print(row(case.name, "JSON, protobuf's codec", text.encode(), *protobuf_json))
        print(row(case.name, "JSON, standard library", text.encode(), *standard))
        print(row(case.name, "JSON, msgspec", compact, *fast))
    print(openai_chunk())


if __name__ == "__main__":
    main()
