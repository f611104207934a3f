"""Reads the Dockerfile and does what its steps say, in folders instead of layers. No engine: what needs root is left out."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Each stage has a /build of its own; what is installed is copied between stages to the same place, so that is shared.
_OWN, _SHARED = "build", "opt|data"
NEEDS_ROOT = ("apt-get", "useradd", "install -d")
_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Stage:
    """One FROM, and its steps in order: instruction and text."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """The texts of an instruction."""
        return [text for name, text in self.steps if name == instruction]


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile."""
    found: list[Stage] = []
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base.strip(), name.strip() or "last"))
        elif instruction and found:
            found[-1].steps.append((instruction, rest.strip()))
    return found


def sent_files(ignore: str, paths: list[str]) -> list[str]:
    """The paths that .dockerignore lets through to the builder: the last pattern that matches decides."""
    rules = [line.strip() for line in ignore.splitlines() if line.strip() and not line.startswith("#")]
    compiled = [(not rule.startswith("!"), _pattern(rule.lstrip("!").rstrip("/"))) for rule in rules]
    return [path for path in paths if not _ignored(path, compiled)]


def _pattern(rule: str) -> re.Pattern[str]:
    text = re.escape(rule).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return re.compile(f"{text}(?:/.*)?")


def _ignored(path: str, rules: list[tuple[bool, re.Pattern[str]]]) -> bool:
    ignored = False
    for excludes, pattern in rules:
        if pattern.fullmatch(path):
            ignored = excludes
    return ignored


@dataclass(frozen=True, slots=True)
class Builder:
    """Does the steps below `folder`."""

    folder: Path
    context: list[str]
    """The files that the builder is sent, relative to the project."""

    arguments: dict[str, str]

    def place(self, path: str, stage: Stage) -> Path:
        """Where an absolute path of the image is here."""
        return Path(self._mapped(path, stage))

    def _mapped(self, text: str, stage: Stage) -> str:
        own = self.folder / stage.name
        text = re.sub(rf"(?<![\w./$-])/({_OWN})\b", rf"{own}/\1", text)
        return re.sub(rf"(?<![\w./$-])/({_SHARED})\b", rf"{self.folder}/\1", text)

    def build(self, stage: Stage) -> dict[str, str]:
        """Does the steps of a stage and returns its environment."""
        environment = dict(os.environ)
        environment.pop("VIRTUAL_ENV", None)
        workdir = self.folder / stage.name
        for instruction, text in stage.steps:
            if instruction == "WORKDIR":
                workdir = self.place(text, stage)
                workdir.mkdir(parents=True, exist_ok=True)
            elif instruction == "ARG":
                name, _, default = text.partition("=")
                environment[name] = self.arguments.get(name, default)
            elif instruction == "ENV":
                for word in shlex.split(text):
                    name, _, value = word.partition("=")
                    environment[name] = self._mapped(os.path.expandvars(_known(value, environment)), stage)
            elif instruction == "COPY":
                self._copy(text, stage, workdir)
            elif instruction == "RUN" and not text.startswith(NEEDS_ROOT):
                command = self._mapped(text, stage)
                subprocess.run(["sh", "-ec", command], check=True, cwd=workdir, env=environment, timeout=_SECONDS)
        return environment

    def _copy(self, text: str, stage: Stage, workdir: Path) -> None:
        *sources, target = [word for word in text.split() if not word.startswith("--")]
        goal = self.place(target, stage) if target.startswith("/") else workdir / target
        if earlier := re.search(r"--from=(\S+)", text):
            source = self.place(sources[0], Stage("", earlier.group(1)))
            if source != goal:
                shutil.copytree(source, goal, dirs_exist_ok=True)
            return
        for source in sources:
            files = [path for path in self.context if path == source or path.startswith(f"{source}/")]
            assert files, f"COPY {source}: .dockerignore keeps it from the builder, or it is not there"
            for path in files:
                inside = path.removeprefix(f"{source}/") if path != source else Path(path).name
                copy = goal / inside if path != source or target.endswith("/") or goal.is_dir() else goal
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, copy)


def _known(value: str, environment: dict[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda match: environment.get(match.group(1), ""), value)
