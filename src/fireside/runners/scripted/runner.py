"""A runner that plays a script: the same tokens at the same times, always. For tests and benchmarks, not a real model.

The script is the model's name: knobs separated by commas, in any order, each at most once.

    tokens=N        answer with N tokens (default 16; with `echo` and `markdown`: at most N of theirs)
    pace=DURATION   the time between deltas (default 0: as fast as they are taken)
    first=DURATION  the time to the first delta, spent as PREFILLING
    queue=N:DURATION  be QUEUED at the places N to 1 first, each for DURATION; `queue=full` raises QUEUE_FULL
    burst=N         put N tokens into each delta (default 1)
    reasoning=N     N tokens of reasoning before the text; not when an answer is continued
    seed=N          where in the cycle of words the answer starts
    echo            answer with the text of the last user message
    markdown        answer with a fixed document (tables, code, LaTeX, Chinese, emoji)
    tool            end with a call of the tool `lookup`, unless the last message is a tool's result
    limit           end with LENGTH, as if the token limit had been reached
    image           put a picture behind the text
    embed=N         turn texts into vectors of N numbers, which depend on the texts alone; such a model does not answer
    fail=WHEN       raise UnavailableError (RUNNER_FAILED)
    as=KIND         raise another error instead: unavailable, connect-timeout, died, rate-limited (retry_after 7 s),
                    refused, unauthorized, too-long, not-found
    crash=WHEN      raise RuntimeError: a defect, not an answer
    hang=WHEN       go silent until closed; with `timeout=DURATION` raise DeadlineExceededError (RUNNER_STALLED) then
    times=N         what fails, crashes or hangs does so in the first N requests for this name only
    at=NAME         what fails, crashes or hangs does so at the runner of this name only

DURATION is `20ms` or `1.5s`. WHEN is `start` or `after:N` (N tokens of this request, reasoning included).
Example: `scripted/tokens=64,pace=20ms,fail=after:10`. For a retry: `scripted/tokens=4,fail=start,as=unavailable,times=1`.

Words come in a cycle of 1,024 different ones, so that a lost or doubled token shows. An answer that is continued goes
on from the number of tokens that it has. `max_tokens` of the request is kept and ends with LENGTH.
Deltas are due at fixed times after the start, so a slow reader does not stretch the script.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fireside.core.errors import (
    DeadlineExceededError,
    FiresideError,
    InvalidArgumentError,
    ResourceExhaustedError,
    UnavailableError,
)
from fireside.gen.v1 import message_pb2, model_pb2
from fireside.runners.base import (
    Activity,
    Embeddings,
    Finish,
    Finished,
    Progress,
    Reasoning,
    RunnerInfo,
    Text,
    WholePart,
)
from fireside.runners.scripted.document import DOCUMENT
from fireside.runners.scripted.script import GRAMMAR, KINDS, Script, parse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from fireside.runners.base import Delta, GenerateRequest

_ONSETS = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu za bre cli dro flu gra ple sti tro sna spe cho"
_CODAS = (
    "ban cer din fol gum hap jet kin lon mur nal pes rit sol tun vas "
    "wen xil yor zed lam mer nix pod rus tal vim wor yan zur kel dop"
)
_WORDS = tuple(onset + coda for coda in _CODAS.split() for onset in _ONSETS.split())
_TEXTS = tuple(Text(word + " ") for word in _WORDS)
_PIECE = re.compile(r"\s*\S{1,6}|\s+")
_WELL_KNOWN = ("echo", "markdown", "tokens=64,pace=20ms", "reasoning=16,tokens=64,pace=20ms", "tool", "embed=64")
# A red dot: one pixel.
_PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)

_RATE_LIMIT_SECONDS = 7.0
_BREATH = 64


class ScriptedRunner:
    """Plays scripts. Any number at once; a waiting script costs one future in a shared bucket of its millisecond."""

    def __init__(self, name: str = "scripted") -> None:
        """`name` is the prefix of its model ids."""
        self._name = name
        self._clock: _Clock | None = None
        self._asked: Counter[str] = Counter()

    @property
    def name(self) -> str:
        """The prefix of its model ids."""
        return self._name

    async def info(self) -> RunnerInfo:
        """A few well-known scripts, all hidden. Any other name of the grammar works too."""
        models = (
            model_pb2.Model(
                id=f"{self._name}/{name}",
                display_name=f"Scripted ({name})",
                runner=self._name,
                description="Plays a fixed script, for tests and benchmarks.",
                state=model_pb2.MODEL_STATE_READY,
                hidden=True,
                tasks=[model_pb2.MODEL_TASK_EMBED if parse(name).embed else model_pb2.MODEL_TASK_CHAT],
            )
            for name in _WELL_KNOWN
        )
        return RunnerInfo(tuple(models), unlisted=GRAMMAR)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """Plays the script that `request.model` spells."""
        script = self._script_of(request.model)
        if script.embed is not None:
            raise InvalidArgumentError("RUNNER_REFUSED", "This script turns texts into vectors and does not answer.")
        plan = _plan(script, request)
        clock = self._clock_of_loop()
        due = clock.now()
        if script.queue_full:
            raise _queue_full()
        for place in range(script.queue, 0, -1):
            yield Progress(Activity.QUEUED, place)
            due += script.queue_step
            await clock.until(due)
        if script.first:
            yield Progress(Activity.PREFILLING)
        start = due + script.first
        for turn, delta in enumerate(plan.deltas()):
            due = start + turn * script.pace
            if due > clock.now():
                await clock.until(due)
            elif turn % _BREATH == 0:
                await asyncio.sleep(0)
            yield delta
        if plan.mishap:
            await _befall(script, plan.count, clock)
        prompt_tokens = sum(len(_text_of(message).split()) for message in request.messages)
        if script.image and not plan.cut:
            yield WholePart(message_pb2.Part(image=message_pb2.ImagePart(media_type="image/png", data=_PICTURE)))
        if script.tool and not plan.cut and not _is_tool_result(request.messages[-1]):
            yield WholePart(_tool_call(script, request.messages))
            yield Finished(Finish.TOOL_CALLS, prompt_tokens, plan.count)
        else:
            yield Finished(Finish.LENGTH if plan.cut or script.limit else Finish.COMPLETE, prompt_tokens, plan.count)

    def refuse(self, model: str) -> None:
        """Raises what `queue=full` says, and NotFoundError for a name that is no script."""
        if parse(model).queue_full:
            raise _queue_full()

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Vectors of length 1 that depend on the texts alone, not on how they come together."""
        script = self._script_of(model)
        if script.embed is None:
            raise InvalidArgumentError("NOT_AN_EMBEDDING_MODEL", "This script answers messages and makes no vectors.")
        if 0 in (script.fail, script.crash, script.hang):
            await _befall(script, 0, self._clock_of_loop())
        vectors = tuple(_vector(text, script.embed) for text in texts)
        return Embeddings(vectors, sum(len(text.split()) for text in texts))

    async def aclose(self) -> None:
        """Nothing to free."""

    def _script_of(self, model: str) -> Script:
        """The script as this request gets it: without the mishaps that are for others."""
        script = parse(model)
        if script.times is not None:
            self._asked[model] += 1
        elsewhere = script.at not in ("", self._name)
        over = script.times is not None and self._asked[model] > script.times
        return replace(script, fail=None, crash=None, hang=None) if elsewhere or over else script

    def _clock_of_loop(self) -> _Clock:
        loop = asyncio.get_running_loop()
        if self._clock is None or self._clock.loop is not loop:
            self._clock = _Clock(loop)
        return self._clock


class _Clock:
    """Wakes sleepers at absolute times, rounded up to a millisecond; sleepers of one millisecond share one timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.now = loop.time
        self._buckets: dict[int, list[asyncio.Future[None]]] = {}

    def until(self, due: float) -> asyncio.Future[None]:
        """A future that is done at `due`, in seconds of the loop's clock."""
        tick = math.ceil(due * 1000)
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = []
            self.loop.call_at(tick / 1000, self._ring, tick)
        sleeper: asyncio.Future[None] = self.loop.create_future()
        bucket.append(sleeper)
        return sleeper

    def _ring(self, tick: int) -> None:
        for sleeper in self._buckets.pop(tick):
            if not sleeper.done():
                sleeper.set_result(None)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one request gets: `reasoning` tokens, then `text` tokens from `offset` on (of `pieces`, or of the words).

    `cut`: the request's token limit shortened it. `mishap`: something happens at its end.
    """

    reasoning: int
    offset: int
    text: int
    pieces: Sequence[str]
    burst: int
    cut: bool
    mishap: bool

    @property
    def count(self) -> int:
        """Tokens in all."""
        return self.reasoning + self.text

    def deltas(self) -> Iterator[Delta]:
        """The deltas, `burst` tokens in each. Single words are shared objects, so they cost next to nothing."""
        for at in range(0, self.reasoning, self.burst):
            size = min(self.burst, self.reasoning - at)
            yield Reasoning("".join(_WORDS[index % len(_WORDS)] + " " for index in range(at, at + size)))
        end = self.offset + self.text
        for at in range(self.offset, end, self.burst):
            if self.pieces:
                yield Text("".join(self.pieces[at : min(at + self.burst, end)]))
            elif self.burst == 1:
                yield _TEXTS[at % len(_TEXTS)]
            else:
                yield Text("".join(_TEXTS[index % len(_TEXTS)].text for index in range(at, min(at + self.burst, end))))


def _plan(script: Script, request: GenerateRequest) -> _Plan:
    """Decides how many tokens of what; the mishaps and the request's own limit shorten the script."""
    last = request.messages[-1] if request.messages else message_pb2.Message()
    found = _text_of(last) if last.role == message_pb2.ROLE_ASSISTANT else ""
    pieces: Sequence[str] = ()
    if script.echo or script.markdown:
        whole = DOCUMENT if script.markdown else _last_user_text(request.messages)
        pieces = _PIECE.findall(whole.removeprefix(found))
        offset = 0
        wanted = len(pieces)
        if script.tokens is not None:
            wanted = min(wanted, max(0, script.tokens - len(_PIECE.findall(found))))
    else:
        has = len(found.split())
        offset = script.seed + has
        wanted = 16 if script.tokens is None else script.tokens
        if not script.limit:
            wanted = max(0, wanted - has)
    thinking = 0 if found else script.reasoning
    limit = request.sampling.max_tokens if request.sampling.HasField("max_tokens") else None
    mishaps = [count for count in (script.fail, script.crash, script.hang) if count is not None]
    total = thinking + wanted
    allowed = min([total, *mishaps] if limit is None else [total, limit, *mishaps])
    return _Plan(
        reasoning=min(thinking, allowed),
        offset=offset,
        text=max(0, allowed - thinking),
        pieces=pieces,
        burst=script.burst,
        cut=limit is not None and allowed == limit < total,
        mishap=allowed in mishaps,
    )


async def _befall(script: Script, count: int, clock: _Clock) -> None:
    """What the script says happens after `count` tokens: it raises or never returns."""
    if script.fail == count and script.kind:
        raise _error(script.kind)
    if script.fail == count:
        raise UnavailableError("RUNNER_FAILED", "The script says that the runner fails here. Try again.")
    if script.crash == count:
        message = "the script says that the runner has a defect here"
        raise RuntimeError(message)
    if script.timeout is None:
        await clock.loop.create_future()
    else:
        await clock.until(clock.now() + script.timeout)
    raise DeadlineExceededError("RUNNER_STALLED", "The script says that the runner hangs here. Try again.")


def _error(kind: str) -> FiresideError:
    error, reason = KINDS[kind]
    message = "The script says that the runner fails here."
    if error is ResourceExhaustedError:
        return ResourceExhaustedError(reason, message, retry_after=_RATE_LIMIT_SECONDS)
    return error(reason, message)


def _vector(text: str, size: int) -> tuple[float, ...]:
    digest = hashlib.shake_256(text.encode()).digest(2 * size)
    numbers = [int.from_bytes(digest[at : at + 2]) / 32768 - 1 for at in range(0, 2 * size, 2)]
    length = math.hypot(*numbers) or 1.0
    return tuple(number / length for number in numbers)


def _is_tool_result(message: message_pb2.Message) -> bool:
    return message.role == message_pb2.ROLE_TOOL or any(part.HasField("tool_result") for part in message.parts)


def _queue_full() -> ResourceExhaustedError:
    return ResourceExhaustedError("QUEUE_FULL", "The script's queue is full. Try again in a second.")


def _tool_call(script: Script, messages: Sequence[message_pb2.Message]) -> message_pb2.Part:
    arguments = json.dumps({"query": _last_user_text(messages)}, ensure_ascii=False)
    call = message_pb2.ToolCallPart(id=f"call_{script.seed}_{len(messages)}", name="lookup", arguments=arguments)
    return message_pb2.Part(tool_call=call)


def _last_user_text(messages: Sequence[message_pb2.Message]) -> str:
    return next((_text_of(m) for m in reversed(messages) if m.role == message_pb2.ROLE_USER), "")


def _text_of(message: message_pb2.Message) -> str:
    return "".join(part.text.text for part in message.parts)
