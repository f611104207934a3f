"""The log as lines and as JSON."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from fireside.obs import log

logger = logging.getLogger("fireside.test")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("fireside")
    handlers, level, our_level = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    ours.setLevel(our_level)
    logging.captureWarnings(capture=False)


def logged(form: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    log.set_up(level, form, stream)
    return stream


def test_a_line_for_a_person() -> None:
    stream = logged("text")
    logger.info("Took %d", 3, extra={"fields": {"generation": "g1", "text": "x" * 300}})
    line = stream.getvalue()
    assert line[10] == "T"
    assert line.endswith(f"Z info fireside.test: Took 3 (generation=g1, text={'x' * 200}…)\n")


def test_an_object_for_a_program() -> None:
    stream = logged("json")
    try:
        raise ValueError("broken")  # noqa: TRY301  # It is logged here.
    except ValueError:
        logger.exception("It\nfailed", extra={"fields": {"level": "mine", "count": 1}})
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["message"], entry["level"], entry["count"]) == ("It\nfailed", "error", 1)
    assert entry["trace"].endswith("ValueError: broken")


def test_it_is_quiet_and_libraries_are_quieter() -> None:
    stream = logged("text", "warning")
    logger.info("no")
    assert not stream.getvalue()
    stream = logged("text", "debug")
    logging.getLogger("aiohttp").info("what was sent")
    logger.debug("yes")
    assert stream.getvalue().count("\n") == 1
