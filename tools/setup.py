"""Brings a checkout to the state that a make target needs, and does nothing when it is there already.

`python tools/setup.py run` is what `make run` needs, `dev` what `make check` needs, `test` all of it and a browser.
Standard library only: it runs before anything is installed. Every step has a key made of what it depends on; a step
whose key stands in .venv/fireside-setup.json is skipped, so that a second `make run` costs a few hundredths of a second.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 -- this file is what tells the owner of an older Python.
    sys.exit(f"Fireside needs Python 3.11 or newer, not {sys.version.split()[0]}. Try `make PYTHON=python3.12 run`.")

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import bootstrap
import browser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = bootstrap.ROOT
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
WEB = ROOT / "web"
STAMPS = VENV / "fireside-setup.json"
RETRY_SECONDS = 3600.0
"""An optional step that failed is tried again by itself after this long, and at once by its own make target."""


class Stamps:
    """What has been done, by step. Kept inside .venv: without the environment nothing has been done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._done: dict[str, str] = json.loads(path.read_text())
        except (OSError, ValueError):
            self._done = {}

    def get(self, step: str) -> str:
        """The key under which the step was last done, or an empty string."""
        return self._done.get(step, "")

    def put(self, step: str, key: str) -> None:
        """Remembers at once, so that an interrupted run goes on where it stopped."""
        self._done[step] = key
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self._done, indent=1))


def digest(paths: Iterable[Path], *extra: str) -> str:
    """One hash of the names and contents of files (folders are walked) and of some words."""
    total = hashlib.sha256("\0".join(extra).encode())
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                total.update(f"{file.relative_to(ROOT)}\0".encode())
                total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:24]


class Setup:
    """The steps, in the order in which they need each other."""

    def __init__(self, flags: list[str]) -> None:
        """`flags` are those that the server will be started with: they may say where the weights are."""
        self.flags = flags
        self.stamps = Stamps(STAMPS)
        self.environment = bootstrap.environment()
        self.worked = False
        self._uv = ""

    def step(self, name: str, title: str, key: str, action: Callable[[], None]) -> None:
        """Runs `action` unless it was done under this key; says what it does and how long it took."""
        if self.stamps.get(name) == key:
            return
        self.worked = True
        bootstrap.say(title)
        started = time.monotonic()
        action()
        self.stamps.put(name, key)
        bootstrap.say(f"{title}: done in {time.monotonic() - started:.1f} s")

    def optional(self, name: str, title: str, key: str, action: Callable[[], None], advice: str) -> bool:
        """Like `step`, but a failure is only told, and not tried again by itself for an hour. True when it is done."""
        failed = self.stamps.get(f"{name}-failed")
        if failed and failed.split()[0] == key and time.time() - float(failed.split()[1]) < RETRY_SECONDS:
            bootstrap.say(f"{title}: failed before, not tried again now. {advice}")
            return False
        try:
            self.step(name, title, key, action)
        except (subprocess.CalledProcessError, OSError, bootstrap.SetupError) as error:
            self.stamps.put(f"{name}-failed", f"{key} {time.time()}")
            bootstrap.say(f"{title}: FAILED ({error}). Fireside works without it. {advice}")
            return False
        return True

    def call(self, *command: str | Path, cwd: Path = ROOT) -> None:
        """Runs a command in the step's environment; its output is the progress."""
        subprocess.run([str(part) for part in command], check=True, cwd=cwd, env=self.environment)

    def uv(self, *arguments: str | Path) -> None:
        """Runs uv, which is looked for (or installed) the first time it is needed."""
        self._uv = self._uv or bootstrap.find_uv()
        self.call(self._uv, *arguments)

    def venv(self) -> None:
        """Makes .venv where there is none, or where its Python has gone."""
        if PYTHON.exists():
            return
        self.worked = True
        bootstrap.say(f"Python environment in .venv (Python {sys.version.split()[0]})")
        self.uv("venv", "--quiet", "--clear", "--python", sys.executable, VENV)
        self.stamps = Stamps(STAMPS)

    def python(self, *, dev: bool) -> None:
        """Installs the locked packages and the project itself, editable. A development environment stays one."""
        self.venv()
        dev = dev or bool(self.stamps.get("dev"))
        lock = ROOT / "requirements" / ("dev.txt" if dev else "core.txt")
        build = ROOT / "requirements" / "build.txt"

        def install() -> None:
            locked = ("--require-hashes", "--build-constraints", build, "-r", lock)
            self.uv("pip", "install", "--python", PYTHON, *locked)

        def project() -> None:
            self.uv(
                "pip", "install", "--quiet", "--python", PYTHON, "--no-deps", "--build-constraints", build, "-e", ROOT
            )

        self.step(
            "dev" if dev else "core", f"Python packages from requirements/{lock.name}", digest([lock, build]), install
        )
        self.step("project", "Fireside itself, editable", digest([ROOT / "pyproject.toml", build], str(ROOT)), project)

    def local(self) -> bool:
        """Installs the engine of the embedded model, where the platform has a wheel of it."""
        lock = ROOT / "requirements" / "local.txt"

        def install() -> None:
            self.uv("pip", "install", "--python", PYTHON, "--require-hashes", "--only-binary", ":all:", "-r", lock)
            problem = bootstrap.import_problem(PYTHON, "xllamacpp")
            # The wheel needs a library that a minimal Debian does not have.
            if "libgomp" in problem and bootstrap.apt_install("libgomp1"):
                problem = bootstrap.import_problem(PYTHON, "xllamacpp")
            if problem:
                hint = "; have `apt install libgomp1` run by root" if "libgomp" in problem else ""
                raise bootstrap.SetupError(f"{problem}{hint}")

        advice = "There is no local model until `make weights` succeeds; `fireside doctor` says what else can answer."
        return self.optional("local", "Engine of the embedded model", digest([lock]), install, advice)

    def weights(self) -> None:
        """Installs the weights of the embedded model for the server: about 500 MB, verified against their hash."""
        wanted, _, folder = self._ask("local_model", "models_dir").partition("\n")
        if wanted == "True" and self.local():
            self._install_weights("weights", Path(folder))

    def test_weights(self) -> None:
        """The same for the tests, which leave the server's data alone: a file that is there already is linked."""
        folder = Path(os.environ.get("FIRESIDE_TEST_MODELS") or ROOT / ".cache" / "models")
        if not self.local():
            return
        for path in Path(self._ask("models_dir") or folder).glob("*.gguf"):
            target = folder / path.name
            if not target.exists():
                folder.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(OSError):
                    target.hardlink_to(path)
        self._install_weights("test-weights", folder)

    def _install_weights(self, step: str, folder: Path) -> None:
        def install() -> None:
            # The weights come with uv, which an environment made by uv does not contain.
            self._uv = self._uv or bootstrap.find_uv()
            self.environment["PATH"] = f"{Path(self._uv).parent}{os.pathsep}{self.environment['PATH']}"
            self.call(PYTHON, "-m", "fireside.runners.llama.weights", "install", "--dir", folder)

        if not any(folder.glob("*.gguf")):
            self.stamps.put(step, "")
        sources = sorted((ROOT / "src" / "fireside" / "runners" / "llama").glob("weight*"))
        title = "Weights of the embedded model (about 500 MB)"
        self.optional(step, title, digest(sources, str(folder)), install, "Try again with `make weights`.")

    def _ask(self, *settings: str) -> str:
        """What the server's own settings say, a line each, under the flags that it will be started with."""
        flags = {
            flag.removeprefix("--").replace("-", "_"): value
            for flag, value in _flag_values(self.flags)
            if flag in {"--data-dir", "--models-dir", "--local-model"}
        }
        file = next((value for flag, value in _flag_values(self.flags) if flag == "--config"), "")
        code = (
            "import json, pathlib, sys; from fireside.config import load; flags, file, *names = sys.argv[1:];"
            "config = load(json.loads(flags), file=pathlib.Path(file) if file else None);"
            "print(*(getattr(config, name) for name in names), sep=chr(10))"
        )
        command = [str(PYTHON), "-c", code, json.dumps(flags), file, *settings]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=self.environment)
        if done.returncode != 0:
            bootstrap.say(f"The settings cannot be read: {done.stderr.strip().splitlines()[-1]}")
        return done.stdout.strip()

    def node_modules(self) -> None:
        """Installs what the web app is built with, exactly as locked."""

        def install() -> None:
            self.npm("ci", "--no-audit", "--no-fund")

        manifests = [WEB / "package.json", WEB / "package-lock.json", WEB / ".npmrc"]
        if not (WEB / "node_modules").is_dir():
            self.stamps.put("node_modules", "")
        self.step("node_modules", "Web packages (npm ci)", digest(manifests), install)

    def web(self) -> None:
        """Builds the web bundle into web/dist."""
        if not (WEB / "package.json").exists():
            return
        outputs = {"node_modules", "dist", "tests", "test-results", "coverage"}
        sources = sorted(path for path in WEB.iterdir() if path.name not in outputs)
        key = digest(sources)
        built = (WEB / "dist" / "index.html").exists()
        if built and self.stamps.get("web") == key:
            return
        self.node_modules()
        self.stamps.put("web", "")

        self.step("web", "Web bundle (npm run build)", key, lambda: self.npm("run", "--silent", "build"))

    def npm(self, *arguments: str) -> None:
        """Runs npm in web/, with a Node that is new enough."""
        self._with_node()
        self.call("npm", *arguments, cwd=WEB)

    def browser(self) -> None:
        """Finds or installs the browser of the end-to-end tests. Its absence is told, and those tests then say so."""
        found = browser.find() or browser.install(PYTHON)
        if not found:
            bootstrap.say(browser.ADVICE)

    def _with_node(self) -> None:
        """Puts Node on PATH: the machine's own if it is new enough, else the one that PyPI carries."""
        if "npm_config_cache" not in self.environment and not bootstrap.home_is_writable():
            self.environment["npm_config_cache"] = str(bootstrap.TOOLS / "npm-cache")
        folder = bootstrap.find_node(self.uv, [VENV, bootstrap.TOOLS])
        if folder:
            self.environment["PATH"] = f"{folder}{os.pathsep}{self.environment['PATH']}"


def _flag_values(flags: list[str]) -> Iterator[tuple[str, str]]:
    """`--flag value` and `--flag=value`; a flag without a value is taken with whatever follows, which nobody asks for."""
    for number, flag in enumerate(flags):
        name, equals, value = flag.partition("=")
        if equals:
            yield name, value
        elif number + 1 < len(flags):
            yield name, flags[number + 1]


def main() -> int:
    """Runs the steps that a target needs, in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=("run", "dev", "test", "web", "weights", "npm", "uv"))
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the arguments of npm (in web/), uv or the server")
    options = parser.parse_args()
    target: str = options.target
    command: list[str] = [word for word in options.command if word != "--"]
    setup = Setup(command if target == "run" else [])
    started = time.monotonic()
    try:
        _bring(setup, target, command)
    except subprocess.CalledProcessError as error:
        bootstrap.say(f"`{' '.join(map(str, error.cmd))}` ended with {error.returncode}.")
        return 1
    except bootstrap.SetupError as error:
        bootstrap.say(str(error))
        return 1
    if setup.worked:
        bootstrap.say(f"Ready after {time.monotonic() - started:.1f} s")
    return 0


def _bring(setup: Setup, target: str, command: list[str]) -> None:
    if target == "npm":
        setup.npm(*command)
        return
    if target == "uv":
        setup.uv(*command)
        return
    if target == "weights":
        for step in ("local-failed", "weights-failed", "weights"):
            setup.stamps.put(step, "")
    setup.python(dev=target in ("dev", "test"))
    if target in ("dev", "test"):
        setup.node_modules()
    if target in ("run", "test", "web"):
        setup.web()
    if target in ("run", "weights"):
        setup.weights()
    if target == "test":
        setup.test_weights()
        setup.browser()


if __name__ == "__main__":
    sys.exit(main())
