"""A pytest plugin: `local_models`, the folder with the real small model. Not a stand-in for one.

Load it with `pytest_plugins = ["tests.models"]` in tests/conftest.py. The weights are installed once, by the same code
as for users, into `.cache/models` of the project or where FIRESIDE_TEST_MODELS points to.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fireside.runners.llama.weight_files import QWEN
from fireside.runners.llama.weights import InstallError, Source, install

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def local_models() -> Path:
    """The folder with the default model's weights, verified. Fails, rather than skips, when they cannot be had."""
    if find_spec("xllamacpp") is None:
        pytest.fail("The local model's engine is missing: install the extra `local` (xllamacpp).")
    folder = Path(os.environ.get("FIRESIDE_TEST_MODELS") or PROJECT / ".cache" / "models")
    try:
        install(QWEN, folder, Source(), _say)
    except InstallError as error:
        pytest.fail(f"The local model's weights are missing. {error}")
    return folder


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
