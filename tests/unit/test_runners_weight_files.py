"""Weights on disk: what a glance tells, what a stamp is worth, and that the pins fit the pieces."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from fireside.runners.llama.weight_files import KNOWN, Piece, Verdict, Weights, check, glance, stamp_path, verify
from fireside.runners.llama.weights import PINS

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"GGUF and then some"
TINY = Weights(
    model="tiny",
    file="tiny.gguf",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    pieces=(Piece("tiny-part1", "tiny_part1/part.bin", len(CONTENT)),),
    display_name="Tiny",
    description="For tests.",
    context_length=1,
)


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    (tmp_path / TINY.file).write_bytes(CONTENT)
    return tmp_path


def test_a_file_is_read_once_and_then_believed(models_dir: Path) -> None:
    assert glance(TINY, models_dir) is Verdict.UNCHECKED
    assert check(TINY, models_dir) is Verdict.GENUINE
    assert glance(TINY, models_dir) is Verdict.GENUINE


def test_a_file_that_was_touched_is_read_again(models_dir: Path) -> None:
    verify(TINY, models_dir)
    os.utime(models_dir / TINY.file, ns=(1, 1))
    assert glance(TINY, models_dir) is Verdict.UNCHECKED
    assert check(TINY, models_dir) is Verdict.GENUINE


def test_a_changed_file_is_wrong_and_loses_its_stamp(models_dir: Path) -> None:
    verify(TINY, models_dir)
    (models_dir / TINY.file).write_bytes(CONTENT[::-1])
    os.utime(models_dir / TINY.file, ns=(1, 1))
    assert check(TINY, models_dir) is Verdict.WRONG
    assert not stamp_path(models_dir / TINY.file).exists()


def test_a_file_of_another_size_is_wrong_at_a_glance(models_dir: Path) -> None:
    (models_dir / TINY.file).write_bytes(CONTENT + b"!")
    assert glance(TINY, models_dir) is Verdict.WRONG


def test_nothing_is_missing(tmp_path: Path) -> None:
    assert glance(TINY, tmp_path) is Verdict.MISSING
    assert verify(TINY, tmp_path / "nowhere") is Verdict.MISSING


@pytest.mark.parametrize("stamp", ["", "[]", '{"size": 18}', "\x00"])
def test_a_broken_stamp_is_no_stamp(models_dir: Path, stamp: str) -> None:
    stamp_path(models_dir / TINY.file).write_text(stamp)
    assert glance(TINY, models_dir) is Verdict.UNCHECKED


@pytest.mark.parametrize("weights", KNOWN, ids=lambda weights: weights.model)
def test_pieces_add_up_and_each_has_one_pinned_hash(weights: Weights) -> None:
    assert sum(piece.size for piece in weights.pieces) == weights.size
    pins = PINS.read_text().splitlines()
    for piece in weights.pieces:
        (pin,) = [line for line in pins if line.startswith(f"{piece.package}==")]
        assert pin.count("--hash=sha256:") == 1
