"""Regenerates all code from proto/: Python into src/fireside/gen, TypeScript into web/src/gen.

`make gen` runs it; a test runs it into a temporary folder and compares. Not imported by the server.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import bootstrap

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
OURS = sorted(str(p.relative_to(PROTO)) for p in (PROTO / "fireside").rglob("*.proto"))
VALIDATE = "buf/validate/validate.proto"
# The web app does without: browsers cannot stream requests.
BYTESTREAM = "google/bytestream/bytestream.proto"

# protoc writes `from fireside.v1 import x`; the code lives in fireside.gen.v1, because the Python package
# fireside is ours and `buf` would be a top-level package that other projects also install.
_REWRITES = (
    (re.compile(r"^from fireside\.v1 import", re.MULTILINE), "from fireside.gen.v1 import"),
    (re.compile(r"^import fireside\.v1\.(\w+) as", re.MULTILINE), r"import fireside.gen.v1.\1 as"),
    (re.compile(r"^from fireside\.worker\.v1 import", re.MULTILINE), "from fireside.gen.worker.v1 import"),
    (re.compile(r"^import fireside\.worker\.v1\.(\w+) as", re.MULTILINE), r"import fireside.gen.worker.v1.\1 as"),
    (re.compile(r"^from google\.bytestream import", re.MULTILINE), "from fireside.gen.google.bytestream import"),
    (re.compile(r"^import google\.bytestream\.(\w+) as", re.MULTILINE), r"import fireside.gen.google.bytestream.\1 as"),
    (re.compile(r"^from buf\.validate import", re.MULTILINE), "from fireside.gen.buf.validate import"),
)


def _run(*command: str, path: str = "") -> None:
    environment = bootstrap.environment()
    if path:
        environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
    subprocess.run(command, check=True, cwd=ROOT, env=environment)


def python(out: Path) -> None:
    """Writes the Python code (messages, type stubs, Connect services) into the folder `out`."""
    with tempfile.TemporaryDirectory() as name:
        raw = Path(name)
        plugin = Path(sys.executable).parent / "protoc-gen-connectrpc"
        _run(
            sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}",
            f"--python_out={raw}", f"--pyi_out={raw}", VALIDATE, BYTESTREAM, *OURS,
        )  # fmt: skip
        _run(
            sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}",
            f"--plugin=protoc-gen-connectrpc={plugin}", f"--connectrpc_out={raw}",
            "--connectrpc_opt=protobuf=google", *(p for p in OURS if p.endswith("_service.proto")), BYTESTREAM,
        )  # fmt: skip
        shutil.rmtree(out, ignore_errors=True)
        for source, target in (
            (raw / "fireside" / "v1", out / "v1"),
            (raw / "fireside" / "worker", out / "worker"),
            (raw / "fireside" / "dialect", out / "dialect"),
            (raw / "buf", out / "buf"),
            (raw / "google", out / "google"),
        ):
            for file in sorted(source.rglob("*.py*")):
                text = file.read_text()
                for pattern, replacement in _REWRITES:
                    text = pattern.sub(replacement, text)
                destination = target / file.relative_to(source)
                destination.parent.mkdir(parents=True, exist_ok=True)
                destination.write_text(text)
        folders = (
            "",
            "v1",
            "worker",
            "worker/v1",
            "dialect",
            "dialect/v1",
            "buf",
            "buf/validate",
            "google",
            "google/bytestream",
        )
        for folder in folders:
            (out / folder / "__init__.py").write_text('"""Generated from proto/ by `make gen`: do not edit."""\n')


def typescript(out: Path) -> None:
    """Writes the TypeScript code into the folder `out`, without what the browser never reads: validation rules and permissions (60 KB)."""
    plugin = ROOT / "web" / "node_modules" / ".bin" / "protoc-gen-es"
    if not plugin.exists():
        sys.exit("web/node_modules is missing: `make gen` and `make check` install it.")
    plugins = [{"local": str(plugin), "out": str(out), "opt": ["target=ts"]}]
    template = json.dumps({"version": "v2", "plugins": plugins})
    shutil.rmtree(out, ignore_errors=True)
    buf = Path(sys.executable).parent / "buf"
    _run(
        str(buf), "generate", "--template", template, "--path", "proto/fireside/v1",
        "--exclude-type", "buf.validate.field", "--exclude-type", "buf.validate.oneof",
        "--exclude-type", "fireside.v1.permission",
        path=bootstrap.find_node(_no_download, [Path(sys.prefix), bootstrap.TOOLS]),
    )  # fmt: skip


def _no_download(*arguments: object) -> None:
    sys.exit(f"Node 20.19 or newer is needed to write the TypeScript code: `make gen` installs it. {arguments}")


def main() -> None:
    """Regenerates into the work tree, or into `--out` for the drift test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="a folder to write to instead of the work tree")
    parser.add_argument("--only", choices=("python", "typescript"))
    options = parser.parse_args()
    base: Path | None = options.out
    if options.only != "typescript":
        python(base / "python" if base else ROOT / "src" / "fireside" / "gen")
    if options.only != "python":
        typescript(base / "typescript" if base else ROOT / "web" / "src" / "gen")


if __name__ == "__main__":
    main()
