"""The parts of `fireside bench` that do no I/O: reading tokens out of bytes, figures, the table and the page."""

from __future__ import annotations

import time
from xml.etree import ElementTree as ET

import pytest

from fireside.cli.bench.bodies import EventBody, SseBody
from fireside.cli.bench.figures import Cost, Row, Sample, Subject, Usage, row_of, spread
from fireside.cli.bench.http1 import Http1Connection
from fireside.cli.bench.http2 import Http2Connection, call_headers
from fireside.cli.bench.page import page
from fireside.cli.bench.plots import Axis, Series, plot
from fireside.cli.bench.report import Report, as_json, header, line, markdown
from fireside.cli.bench.tally import STAMP_LENGTH, Answer, Tally, stamp
from fireside.cli.bench.upstream import model_name, script_of
from fireside.gen.v1 import chat_service_pb2, generation_pb2, message_pb2

Body = EventBody | SseBody


def stamps(count: int) -> str:
    return stamp(time.monotonic()).decode() * count


def events(*texts: str, ended: bool = True) -> bytes:
    """A stream of GenerateResponse envelopes."""
    found = [generation_pb2.Event(delta=generation_pb2.Delta(text=text)) for text in texts]
    messages = [chat_service_pb2.GenerateResponse(events=[event]) for event in found]
    if ended:
        messages.append(chat_service_pb2.GenerateResponse(events=[generation_pb2.Event(ended=generation_pb2.Ended())]))
    bodies = [message.SerializeToString() for message in messages]
    return b"".join(b"\0" + len(body).to_bytes(4, "big") + body for body in bodies)


def sse(*texts: str) -> bytes:
    lines = [f'data: {{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}\n\n' for text in texts]
    return "".join([*lines, ": a comment\n\n", "data: [DONE]\n\n"]).encode()


@pytest.mark.parametrize(("make", "data"), [(EventBody, events), (SseBody, sse)])
@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_tokens_are_counted_however_the_bytes_are_cut(make: type[Body], data, piece: int) -> None:
    tally = Tally(expected=6, stamped=True)
    body = make(Answer(tally))
    sent = data(stamps(1), stamps(3), stamps(2))
    for at in range(0, len(sent), piece):
        body.feed(sent[at : at + piece])
    body.end("")
    assert (tally.tokens, tally.ended, tally.failed, tally.lost, tally.error) == (6, 1, 0, 0, "")
    assert len(tally.ttft) == len(tally.whole) == 1
    assert len(tally.late) == 6
    assert all(0 <= late < 30 for late in tally.late)


def test_stamps_that_are_cut_in_two_are_put_together() -> None:
    tally = Tally(expected=2, stamped=True)
    answer = Answer(tally)
    text = stamps(2)
    answer.text(text[:5])
    answer.text(text[5:])
    answer.end()
    assert (tally.tokens, tally.lost, len(tally.gaps)) == (2, 0, 1)


def test_lost_tokens_and_failures_are_counted() -> None:
    tally = Tally(expected=3, stamped=True)
    short = Answer(tally)
    short.text(stamps(1))
    short.end()
    broken = EventBody(Answer(tally))
    broken.feed(events(stamps(1), ended=False))
    broken.end("")
    broken.end("again")
    assert (tally.lost, tally.ended, tally.failed) == (2, 1, 1)
    assert tally.error == "the stream ended before the answer did"


def test_a_failed_answer_tells_its_error() -> None:
    tally = Tally()
    body = SseBody(Answer(tally))
    body.feed(b'data: {"error":{"message":"no such model"}}\n\n')
    body.end("")
    assert "no such model" in tally.error
    ended = generation_pb2.Ended(error=message_pb2.Failure(message="it burned"))
    message = chat_service_pb2.GenerateResponse(events=[generation_pb2.Event(ended=ended)]).SerializeToString()
    body2 = EventBody(Answer(other := Tally()))
    body2.feed(b"\0" + len(message).to_bytes(4, "big") + message)
    body2.end("")
    assert (other.error, other.failed) == ("it burned", 1)


def test_without_stamps_each_piece_is_a_token() -> None:
    tally = Tally()
    body = SseBody(Answer(tally))
    body.feed(sse("a", "b", "c"))
    body.end("")
    assert (tally.tokens, tally.ended, len(tally.late)) == (3, 1, 0)


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_http1_undoes_chunks(piece: int) -> None:
    content = sse(*["x"] * 20)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in content.splitlines(keepends=True))
    response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    assert through(response, piece).tokens == 20


@pytest.mark.parametrize("piece", [1, 10_000])
def test_http1_takes_a_length(piece: int) -> None:
    content = sse("x", "y")
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content
    assert through(response, piece).tokens == 2


def test_http1_tells_an_error() -> None:
    tally = through(b"HTTP/1.1 503 No\r\ncontent-length: 5\r\n\r\nlater", 1000)
    assert (tally.error, tally.failed) == ("HTTP 503: later", 1)


def through(response: bytes, piece: int) -> Tally:
    tally = Tally()
    idle: list[Http1Connection] = []
    connection = Http1Connection(idle.append)
    connection.ask(b"", SseBody(Answer(tally)))
    for at in range(0, len(response), piece):
        connection.data_received(response[at : at + piece])
    assert idle == [connection]
    return tally


@pytest.mark.parametrize("piece", [1, 11, 10_000])
def test_http2_undoes_frames_of_many_calls(piece: int) -> None:
    tally = Tally(expected=2, stamped=True)
    connection = Http2Connection(lambda _: None)
    for _ in range(2):
        connection.ask(b"\0\0\0\0", EventBody(Answer(tally)))
    content = events(stamps(1), stamps(1))
    wire = b"".join(frame(0, 0, stream, content[:9]) for stream in (1, 3))
    wire += frame(6, 0, 0, bytes(8)) + frame(4, 0, 0)
    wire += b"".join(frame(0, 8, stream, b"\x02" + content[9:] + b"\0\0") for stream in (1, 3))
    wire += frame(1, 5, 1, b"\x88") + frame(3, 0, 3, (8).to_bytes(4, "big"))
    for at in range(0, len(wire), piece):
        connection.data_received(wire[at : at + piece])
    assert (tally.tokens, tally.ended, tally.failed, tally.lost) == (4, 1, 1, 0)
    assert tally.error == "the call was reset, code 8"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def test_long_header_values_are_written_as_hpack_wants() -> None:
    block = call_headers("h", "/p", {"authorization": "x" * 400}, tls=False)
    at = block.index(b"authorization") + len("authorization")
    assert block[at : at + 3] == bytes((127, 0x91, 0x02))  # 127 + 17 + 2 * 128 = 400
    assert block.endswith(b"x" * 400)


def test_a_model_of_the_upstream_says_what_it_does() -> None:
    script = script_of("bench/" + model_name(64, 50))
    assert script is not None
    assert (script.tokens, script.pace) == (64, 0.05)
    assert script_of("gpt-9") is None
    assert len(stamp(1.0)) == STAMP_LENGTH


def test_percentiles_are_in_milliseconds() -> None:
    found = spread([number / 1000 for number in range(100)])
    assert (found.count, found.p50, found.p95, found.p99, found.max) == (100, 50, 95, 99, 99)
    assert (found.curve[0], found.curve[-1]) == (0, 99)
    assert spread([]).max == 0


@pytest.fixture
def report() -> Report:
    def row(server: str, readers: int, cost: Cost | None) -> Row:
        tally = Tally(expected=2, stamped=True)
        for _ in range(3):
            answer = Answer(tally)
            answer.text(stamps(1))
            answer.text(stamps(1))
            answer.end("it <burned>" if readers == 100 else "")
        usage = Usage(cost, generator_cpu=0.1, upstream_cpu=0.2, seconds=2.0, tokens_per_second=3.0)
        return row_of(Subject(server, "rest", readers), tally, usage)

    rows = (row("floor", 1, None), row("Fireside", 1, Cost(0.003, 60, 70, 65)), row("Fireside", 100, None))
    samples = (Sample(0.5, 61.0, 1), Sample(1.0, 63.0, 1))
    return Report("Streaming", "fireside bench stream", "2 cores", "2026-11-22", ("A note.",), rows, samples)


def test_the_table_has_a_cell_for_each_heading(report: Report) -> None:
    lengths = {text.count("|") for text in [*header().split("\n"), *map(line, report.rows)]}
    assert len(lengths) == 1
    assert "| 1.00 | 500.0 | 70 | 65 |" in line(report.rows[1])
    text = markdown(report)
    assert "33333.3 us" in text.replace(",", "") or "us of CPU a token" in text
    assert "it <burned>" in text
    assert '"cpu_ms_per_answer": 1.0' in as_json(report)


def test_the_page_needs_nothing_else_and_is_well_formed(report: Report) -> None:
    text = page(report)
    for word in ("http://", "https://", "<script", "<link", "<img", "url(", "@import", "<burned>"):
        assert word not in text
    assert "prefers-color-scheme: dark" in text
    assert text.count("<svg") == 5
    for part in text.split("<svg")[1:]:
        ET.fromstring("<svg" + part.partition("</svg>")[0] + "</svg>")  # noqa: S314 -- our own text


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("points", [((0.0, 0.0),), ((1.0, 5.0), (1000.0, 5.0)), ((0.02, 3.0), (0.021, 9e6))])
def test_any_points_can_be_plotted(points, log: bool) -> None:
    drawn = plot([Series("a & b", points)], Axis("x", log=log), Axis("y"))
    ET.fromstring(drawn.partition("<ul")[0])  # noqa: S314 -- our own text
    assert "a &amp; b" in drawn


def test_nothing_to_plot_is_told() -> None:
    assert "Nothing" in plot([Series("empty", ())], Axis("x"), Axis("y"))
