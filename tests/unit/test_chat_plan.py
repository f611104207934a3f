"""What a model is asked: what stays and what is dropped when the history is longer than the context."""

from __future__ import annotations

from fireside.chat.plan import estimate_tokens, plan
from fireside.chat.start import title_of
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import GenerateRequest


def said(role: message_pb2.Role, text: str) -> message_pb2.Message:
    return message_pb2.Message(role=role, parts=[message_pb2.Part(text=message_pb2.TextPart(text=text))])


def planned(history: list[message_pb2.Message], context_length: int) -> list[str]:
    wish = GenerateRequest("m", (), generation_pb2.SamplingOptions(), "s")
    request = plan(history, wish, context_length=context_length)
    return [message.parts[0].text.text for message in request.messages]


USER, ASSISTANT, SYSTEM = message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT, message_pb2.ROLE_SYSTEM


def test_all_stays_when_it_fits() -> None:
    history = [said(USER, "one"), said(ASSISTANT, "two"), said(USER, "three")]
    assert planned(history, 4096) == ["one", "two", "three"]


def test_all_stays_when_the_context_is_not_known() -> None:
    history = [said(USER, "x" * 100_000), said(ASSISTANT, "y"), said(USER, "z")]
    assert len(planned(history, 0)) == 3


def test_the_oldest_goes_first_and_system_and_the_last_two_stay() -> None:
    history = [
        said(SYSTEM, "rules"),
        said(USER, "a" * 2000),
        said(ASSISTANT, "b" * 2000),
        said(USER, "c" * 100),
        said(ASSISTANT, "d" * 100),
        said(USER, "e" * 5000),
    ]
    assert [text[0] for text in planned(history, 1200)] == ["r", "d", "e"]


def test_an_answer_without_a_word_is_left_out() -> None:
    empty = message_pb2.Message(role=ASSISTANT)
    assert planned([said(USER, "one"), empty, said(USER, "two")], 4096) == ["one", "two"]


def test_chinese_counts_a_token_a_character() -> None:
    assert estimate_tokens(said(USER, "你好" * 100)) >= 200
    assert estimate_tokens(said(USER, "ab" * 100)) < 80


def test_a_title_is_the_first_words() -> None:
    def title(text: str) -> str:
        return title_of(said(USER, text).parts)

    assert title("\n\n# Hello   world\nmore") == "Hello world"
    assert title("") == ""
    long = title("word " * 40)
    assert len(long) <= 60
    assert long.endswith("word…")
    assert title("字" * 100) == "字" * 59 + "…"
    assert "\0" not in title("a\0b")


def called(name: str, size: int = 0) -> message_pb2.Message:
    call = message_pb2.ToolCallPart(id=name, name="tool", arguments=" " * size)
    return message_pb2.Message(role=ASSISTANT, parts=[message_pb2.Part(tool_call=call)])


def returned(name: str, role: message_pb2.Role = message_pb2.ROLE_TOOL, size: int = 0) -> message_pb2.Message:
    message = message_pb2.Message(role=role)
    message.parts.add().tool_result.tool_call_id = name
    message.parts[0].tool_result.result.string_value = "r" * size
    return message


def kept(history: list[message_pb2.Message], context_length: int) -> list[int]:
    """The indexes of the messages that stay."""
    wish = GenerateRequest("m", (), generation_pb2.SamplingOptions(), "s")
    request = plan(history, wish, context_length=context_length)
    return [next(at for at, message in enumerate(history) if message is stays) for stays in request.messages]


def test_calls_and_their_results_stay() -> None:
    history = [
        said(USER, "one"),
        called("a"),
        returned("a"),
        returned("b"),
        said(ASSISTANT, "two"),
        said(USER, "three"),
    ]
    assert kept(history, 4096) == [0, 1, 2, 3, 4, 5]


def test_a_call_and_its_results_go_together() -> None:
    history = [
        said(USER, "old"), called("a", 400), returned("a", size=8000), returned("a", size=400), said(USER, "new"),
        called("b"), returned("b"),
    ]  # fmt: skip
    assert kept(history, 1200) == [4, 5, 6]


def test_the_question_stays_when_its_tools_said_much() -> None:
    history = [
        said(USER, "question"), called("a"), returned("a", USER, 6000), called("b"), returned("b", USER, 3000),
    ]  # fmt: skip
    assert kept(history, 1200) == [0, 3, 4]


def test_results_and_pictures_cost_tokens() -> None:
    assert estimate_tokens(returned("a", size=3500)) >= 1000
    picture = message_pb2.Part(image=message_pb2.ImagePart(media_type="image/png", data=b"x"))
    assert estimate_tokens(message_pb2.Message(role=USER, parts=[picture])) >= 1000


def test_a_message_of_files_alone_is_named_for_the_first() -> None:
    files = [message_pb2.Part(file=message_pb2.FilePart(name=name)) for name in ("Report.pdf", "b.txt")]
    assert title_of(files) == "Report.pdf"
    assert title_of([*files, *said(USER, "Sum this up").parts]) == "Sum this up"
