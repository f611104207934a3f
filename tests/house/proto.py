"""Runs the proto tools for the house tests: buf, and the generator of tools/gen.py. Not a rule itself."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.house.source import ROOT


def buf(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs the locked buf; what it finds is in its standard output."""
    program = Path(sys.executable).parent / "buf"
    return subprocess.run([str(program), *arguments], check=False, capture_output=True, text=True, cwd=cwd)


def git(*arguments: str) -> bytes:
    """What git prints, or nothing when it fails (no repository, no such name)."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=False, capture_output=True)
    return done.stdout if done.returncode == 0 else b""


def released() -> str:
    """The commit whose API must not break: the last tag, else where this branch left main. Empty when there is neither."""
    tag = git("describe", "--tags", "--abbrev=0").decode().strip()
    if tag:
        return tag
    base = git("merge-base", "HEAD", "main").decode().strip()
    return "" if base == git("rev-parse", "HEAD").decode().strip() else base


def unpack(commit: str, folder: Path) -> bool:
    """Writes the proto files of a commit into a folder. False when it had none."""
    archive = git("archive", "--format=tar", commit, "proto", "buf.yaml")
    if archive:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
    return bool(archive)


def generate(only: str, out: Path) -> None:
    """Runs tools/gen.py into a folder."""
    command = [sys.executable, str(ROOT / "tools" / "gen.py"), "--only", only, "--out", str(out)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)


def differences(fresh: Path, committed: Path) -> list[str]:
    """The files that differ between two folders, or are in only one of them."""

    def contents(folder: Path) -> dict[str, bytes]:
        kept = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}

    left, right = contents(fresh), contents(committed)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))
