"""What an answer looks like, in a pipe and in a terminal."""

from __future__ import annotations

import click
import pytest

from fireside.cli.screen import Screen, source_lines
from fireside.gen.v1 import generation_pb2, message_pb2


def text(value: str, part: int = 0) -> generation_pb2.Delta:
    return generation_pb2.Delta(part_index=part, text=value)


def thought(value: str, part: int = 0) -> generation_pb2.Delta:
    return generation_pb2.Delta(part_index=part, reasoning=value)


def message(value: str, reason: message_pb2.FinishReason = message_pb2.FINISH_REASON_COMPLETE) -> message_pb2.Message:
    part = message_pb2.Part(text=message_pb2.TextPart(text=value))
    return message_pb2.Message(parts=[part], finish_reason=reason)


def queued(position: int) -> generation_pb2.Heartbeat:
    return generation_pb2.Heartbeat(phase=generation_pb2.PHASE_QUEUED, queue_position=position)


@pytest.mark.parametrize("raw", [True, False])
def test_text_goes_out_as_it_comes(raw: bool, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(raw=raw)
    screen.started()
    for piece in ("a", "b\n", "c"):
        screen.delta(text(piece))
    assert capsys.readouterr() == ("ab\nc", "")
    screen.ended(message("ab\nc"))
    assert capsys.readouterr() == ("\n", "")


def test_a_pipe_gets_the_text_alone(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(raw=True)
    screen.waiting(queued(2))
    screen.delta(thought("hm"))
    screen.delta(text("answer\n", 1))
    screen.lost()
    screen.ended(message("answer\n", message_pb2.FINISH_REASON_LENGTH))
    assert capsys.readouterr() == ("answer\n", "[the answer was cut off at its token limit]\n")


def test_a_terminal_sees_what_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(raw=False)
    screen.waiting(queued(2))
    assert "waiting for a free place (number 2)" in capsys.readouterr().err
    screen.waiting(queued(2))
    assert capsys.readouterr() == ("", "")
    screen.delta(thought("hm"))
    assert "hm" in capsys.readouterr().err
    screen.delta(text("answer", 1))
    assert capsys.readouterr().out == "\n\nanswer"
    screen.lost()
    screen.lost()
    assert capsys.readouterr().err.count("connection lost") == 1


def test_what_survived_goes_on_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(raw=True)
    screen.delta(text("one two"))
    screen.reset(message("one two three"))
    assert capsys.readouterr().out == "one two three"


@pytest.mark.parametrize(("kept", "more"), [("one", ""), ("two", "two")])
def test_what_was_lost_is_told(kept: str, more: str, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(raw=False)
    screen.delta(text("one two"))
    capsys.readouterr()
    screen.reset(message(kept))
    out, err = capsys.readouterr()
    assert (out, "lost the end of this answer" in err) == (more, True)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (message_pb2.FINISH_REASON_STOPPED, "stopped"),
        (message_pb2.FINISH_REASON_INTERRUPTED, "went away"),
        (message_pb2.FINISH_REASON_TOOL_CALLS, "tools"),
        (message_pb2.FINISH_REASON_FAILED, "the model failed"),
    ],
)
def test_an_end_that_is_none_is_told(reason, words, capsys: pytest.CaptureFixture[str]) -> None:
    Screen(raw=True).ended(message("", reason))
    out, err = capsys.readouterr()
    assert (out, words in err) == ("", True)


def test_sources_are_listed_after_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    cited = message_pb2.CitationPart(number=1, title="Fires.pdf", page=3, headings=["Part", "Air"])
    search = message_pb2.SearchPart(passage_count=1, sources=["Fires"], unread=["scan.png"])
    parts = [message_pb2.Part(search=search), message_pb2.Part(citation=cited)]
    screen = Screen(raw=False)
    screen.started()
    for index, part in enumerate(parts):
        screen.delta(generation_pb2.Delta(part_index=index, part=part))
    screen.delta(generation_pb2.Delta(part_index=2, text="Air [1]."))
    screen.ended(message_pb2.Message(parts=parts))
    shown = capsys.readouterr()
    assert shown.out == "Air [1].\n"
    assert click.unstyle(shown.err).splitlines() == ["scan.png was not read.", "[1] Fires.pdf, page 3, Air"]


def test_it_is_said_when_nothing_was_found() -> None:
    search = message_pb2.SearchPart(sources=["Fires", "a.pdf"])
    lines = source_lines(message_pb2.Message(parts=[message_pb2.Part(search=search)]))
    assert lines == ["Nothing relevant was found in Fires, a.pdf."]
