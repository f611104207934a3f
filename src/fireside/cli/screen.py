"""Shows an answer: its text on standard output as it comes, everything else on standard error. Follows nothing.

When the output is no terminal it is the raw text and nothing else, so that it can be piped.
"""

from __future__ import annotations

import click

from fireside.gen.v1 import generation_pb2, message_pb2

_PHASES = {
    generation_pb2.PHASE_QUEUED: "waiting for a free place",
    generation_pb2.PHASE_LOADING: "the model is being loaded",
    generation_pb2.PHASE_PREFILLING: "the model is reading",
    generation_pb2.PHASE_SEARCHING: "reading sources",
}
_ENDINGS = {
    message_pb2.FINISH_REASON_LENGTH: "the answer was cut off at its token limit",
    message_pb2.FINISH_REASON_STOPPED: "stopped",
    message_pb2.FINISH_REASON_INTERRUPTED: "the server went away in mid-answer; this is what it kept",
    message_pb2.FINISH_REASON_TOOL_CALLS: "the model asks for tools, which this client does not have",
}


_SOURCES = ("search", "citation")


def source_lines(message: message_pb2.Message) -> list[str]:
    """What an answer is based on, a line for each source; nothing when it drew on none."""
    lines: list[str] = []
    for part in message.parts:
        if part.HasField("search"):
            if not part.search.passage_count:
                lines.append(f"Nothing relevant was found in {', '.join(part.search.sources)}.")
            lines += [f"{name} was not read." for name in part.search.unread]
        elif part.HasField("citation"):
            cited = part.citation
            place = [cited.title, *([f"page {cited.page}"] if cited.page else []), *cited.headings[-1:]]
            lines.append(f"[{cited.number}] {', '.join(place)}")
    return lines


class Screen:
    """One answer. `raw` leaves out reasoning and notes; a line that says what is going on is replaced by the next."""

    def __init__(self, *, raw: bool) -> None:
        self._raw = raw
        self._shown: list[str] = []
        self._parts: dict[int, str] = {}
        self._note = ""
        self._lost = False

    @property
    def text(self) -> str:
        """The text that was shown."""
        return "".join(self._shown)

    def started(self) -> None:
        """The server has the question."""
        self._found()

    def delta(self, delta: generation_pb2.Delta) -> None:
        """More of the answer."""
        self._found()
        kind = delta.WhichOneof("change") or ""
        if kind == "part":
            kind = delta.part.WhichOneof("kind") or ""
        if kind in _SOURCES:
            return  # They are listed at the end.
        if delta.part_index not in self._parts:
            self._begin(delta.part_index, kind)
        if delta.HasField("part"):
            self._whole(delta.part)
        elif kind == "reasoning":
            self._aside(delta.reasoning)
        else:
            self._write(delta.text)

    def reset(self, message: message_pb2.Message) -> None:
        """Goes on where the kept text goes on, or tells that what was shown is void and shows the kept text."""
        self._found()
        kept = "".join(part.text.text for part in message.parts)
        self._parts = {index: part.WhichOneof("kind") or "" for index, part in enumerate(message.parts)}
        shown = self.text
        if kept.startswith(shown):
            self._write(kept[len(shown) :])
            return
        note = "the server lost the end of this answer when it went away"
        self.note(note if shown.startswith(kept) else note + "; from its start")
        if not shown.startswith(kept):
            self._shown.clear()
            self._write(kept)

    def waiting(self, heartbeat: generation_pb2.Heartbeat) -> None:
        """Shows what the server does while it writes nothing."""
        self._found()
        phase = _PHASES.get(heartbeat.phase, "")
        if phase and not self._shown:
            self._status(phase + (f" (number {heartbeat.queue_position})" if heartbeat.queue_position else ""))

    def lost(self) -> None:
        """Shows once that the connection is being made again."""
        if not self._lost:
            self._lost = True
            self._status("connection lost, connecting again")

    def ended(self, message: message_pb2.Message) -> None:
        """Ends the line, and tells why the answer ended if it was not by itself."""
        self._clear()
        if self.text and not self.text.endswith("\n"):
            click.echo()
        ending = _ENDINGS.get(message.finish_reason, "")
        if message.finish_reason == message_pb2.FINISH_REASON_FAILED:
            ending = message.error.message or "the model failed"
        if ending:
            click.echo(click.style(f"[{ending}]", dim=True), err=True)
        if not self._raw:
            for line in source_lines(message):
                click.echo(click.style(line, dim=True), err=True)

    def note(self, text: str) -> None:
        """A line of its own, beside the answer."""
        self._clear()
        self._aside(f"\n[{text}]\n")

    def _begin(self, index: int, kind: str) -> None:
        if self._parts and not self._raw:
            click.echo("\n", nl=True)
        self._parts[index] = kind

    def _whole(self, part: message_pb2.Part) -> None:
        match part.WhichOneof("kind"):
            case "text":
                self._write(part.text.text)
            case "reasoning":
                self._aside(part.reasoning.text)
            case "tool_call":
                self._aside(f"[tool {part.tool_call.name}({part.tool_call.arguments})]")
            case kind:
                self._aside(f"[{kind}]")

    def _write(self, text: str) -> None:
        self._clear()
        if text:
            self._shown.append(text)
            click.echo(text, nl=False)

    def _aside(self, text: str) -> None:
        self._clear()
        if not self._raw:
            click.echo(click.style(text, dim=True), nl=False, err=True)

    def _status(self, text: str) -> None:
        """A line that the next output takes away again."""
        if not self._raw and text != self._note:
            self._clear()
            self._note = text
            click.echo(click.style(f"[{text} …]", dim=True), nl=False, err=True)

    def _clear(self) -> None:
        if self._note:
            self._note = ""
            click.echo("\r\x1b[K" if not self._shown else "\n", nl=False, err=True)

    def _found(self) -> None:
        self._lost = False
