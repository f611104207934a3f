"""A question's vector without its language and without what all texts share."""

from __future__ import annotations

import math

import pytest

from fireside.knowledge.bearings import Bearings, bearings_of, neutral

E5 = "embedded/multilingual-e5-small"


def product(one: list[float] | tuple[float, ...], other: list[float] | tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("model", [E5, "ollama/multilingual_e5_small:latest", "tei/intfloat/multilingual-E5-small"])
def test_the_embedded_model_is_known_wherever_it_runs(model: str) -> None:
    assert bearings_of(model) == bearings_of(E5) is not None


@pytest.mark.parametrize("model", ["", "tei/multilingual-e5-large", "openai/text-embedding-3-small"])
def test_others_are_not(model: str) -> None:
    assert bearings_of(model) is None


def test_the_axis_has_length_one_and_the_middle_is_shorter_than_a_vector() -> None:
    bearings = bearings_of(E5)
    assert bearings is not None
    assert len(bearings.axis) == len(bearings.middle) == 384
    assert product(bearings.axis, bearings.axis) == pytest.approx(1.0, abs=0.01)
    assert 0.8 < math.sqrt(product(bearings.middle, bearings.middle)) < 1.0


def test_what_differs_in_language_alone_becomes_the_same() -> None:
    bearings = Bearings((0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 0.0))
    english, chinese = [0.6, -0.3, 0.8, 0.1], [0.6, 0.4, 0.8, 0.1]
    assert neutral(english, bearings) == pytest.approx(neutral(chinese, bearings))


def test_the_result_has_length_one_and_less_of_the_middle() -> None:
    bearings = Bearings((0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 0.0))
    turned = neutral([0.6, 0.0, 0.8, 0.0], bearings)
    assert product(turned, turned) == pytest.approx(1.0)
    assert turned[2] / turned[0] == pytest.approx(0.3 / 0.6)


def test_a_vector_of_another_width_stays() -> None:
    assert neutral([0.6, 0.8], Bearings((0.0, 0.0, 1.0), (0.0, 1.0, 0.0))) == [0.6, 0.8]
