"""The API's files: buf's STANDARD and COMMENTS rules, no breaking change, and generated code that is up to date."""

from __future__ import annotations

import shutil

import pytest

from tests.house import proto
from tests.house.source import ROOT


@pytest.fixture
def sample(tmp_path):
    """A copy of the API that a test may spoil."""
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    return tmp_path


def test_the_protos_pass_the_linter() -> None:
    done = proto.buf("lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_catches_a_field_without_a_comment(sample) -> None:
    path = sample / "proto" / "fireside" / "v1" / "model.proto"
    path.write_text(path.read_text() + "\n// Sample is one.\nmessage Sample {\n  string naked = 1;\n}\n")
    done = proto.buf("lint", cwd=sample)
    assert "naked" in done.stdout


def test_the_api_did_not_break(tmp_path) -> None:
    base = proto.released()
    if not base or not proto.unpack(base, tmp_path):
        pytest.skip("Nothing has been released yet, and this is not a branch: there is no API to break.")
    done = proto.buf("breaking", "--against", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_removed_field_is_caught(sample) -> None:
    path = sample / "proto" / "fireside" / "v1" / "model.proto"
    spoiled = path.read_text() + "\n// Sample is one.\nmessage Sample {\n  // Once here.\n  string gone = 1;\n}\n"
    path.write_text(spoiled)
    done = proto.buf("breaking", "--against", str(sample))
    assert "Sample" in done.stdout


def test_the_generated_python_is_up_to_date(tmp_path) -> None:
    proto.generate("python", tmp_path)
    stale = proto.differences(tmp_path / "python", ROOT / "src" / "fireside" / "gen")
    assert not stale, f"run `make gen`: {stale}"


def test_the_generated_typescript_is_up_to_date(tmp_path) -> None:
    proto.generate("typescript", tmp_path)
    stale = proto.differences(tmp_path / "typescript", ROOT / "web" / "src" / "gen")
    assert not stale, f"run `make gen`: {stale}"


def test_a_stale_file_is_caught(tmp_path) -> None:
    for name, text in (("a", "new"), ("b", "old")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.py").write_text("same")
        (tmp_path / name / "stale.py").write_text(text)
    (tmp_path / "b" / "left_over.py").write_text("")
    assert proto.differences(tmp_path / "a", tmp_path / "b") == ["left_over.py", "stale.py"]
