"""The container files: linted, checked against their schema, and the image's steps done in folders. No engine is needed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fireside.config import GRPC_WITHOUT_EFFECT
from fireside.settings import SETTINGS
from tests.dockerfile import NEEDS_ROOT, ROOT, Builder, sent_files, stages
from tests.server_process import environment

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()
BIN = Path(sys.executable).parent
STAGES = {stage.name: stage for stage in stages(DOCKERFILE)}
LAST = STAGES["last"]


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    return [path for path in listed.stdout.splitlines() if (ROOT / path).is_file()]


def test_the_dockerfile_passes_its_linter() -> None:
    linter = BIN / "hadolint"
    if not linter.exists():
        pytest.skip("hadolint has no wheel for this platform")
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_compose_passes_its_schema() -> None:
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "compose.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_compose_sets_the_variables_as_guides_do_and_holds_no_secret() -> None:
    values = dict(re.findall(r"^ {6}([A-Z_]+): (.+)$", COMPOSE, re.MULTILINE))
    assert values["GRPC_MAX_MESSAGE_LENGTH"] == '"2147483648"'
    assert {"GRPC_KEEPALIVE_TIME", "GRPC_MAX_CONCURRENT_STREAMS"} <= values.keys()
    known = {variable for setting in SETTINGS for variable in (setting.env, *setting.variables)}
    assert {name for name in values if name.startswith(("FIRESIDE_", "GRPC_"))} <= known - GRPC_WITHOUT_EFFECT.keys()
    for name, value in values.items():
        if ("PASSWORD" in name or "KEY" in name or "DATABASE_URL" in name) and not name.startswith("GRPC_"):
            assert re.search(r"\$\{\w+(:\?[^}]*|:-)\}", value), f"{name} has its value in the file"


def test_the_services_are_locked_down() -> None:
    services = re.split(
        r"^  (?=\w+:$)", COMPOSE.partition("\nservices:\n")[2].partition("\nvolumes:\n")[0], flags=re.MULTILINE
    )
    found = {text.partition(":")[0]: text for text in services if text.strip()}
    assert found.keys() == {"fireside", "db", "ollama"}
    for text in found.values():
        assert "cap_drop:\n      - ALL" in text
        assert "no-new-privileges:true" in text
        assert "healthcheck:" in text
    for name in ("fireside", "db"):
        assert "read_only: true" in found[name]
        assert "tmpfs:" in found[name]
    assert 'profiles: ["ollama"]' in found["ollama"]
    assert '"127.0.0.1:' in found["fireside"]


def test_the_image_runs_as_nobody_in_particular_and_asks_itself_for_its_health() -> None:
    assert LAST.all("USER") == ["10001:10001"]
    steps = [instruction for instruction, _ in LAST.steps]
    assert steps.index("USER") > max(number for number, name in enumerate(steps) if name in {"RUN", "COPY"})
    assert LAST.all("HEALTHCHECK")[0].endswith('CMD ["fireside", "health"]')
    assert LAST.all("VOLUME") == ["/data"]
    variables = re.findall(r"(FIRESIDE_\w+)=", LAST.all("ENV")[0])
    assert set(variables) <= {setting.env for setting in SETTINGS}


def test_only_what_the_image_needs_is_sent_to_the_builder() -> None:
    sent = sent_files(
        (ROOT / ".dockerignore").read_text(), [*tracked(), ".env", "data/x.db", "web/node_modules/a/b.js"]
    )
    assert {path.split("/")[0] for path in sent} == {
        "pyproject.toml", "README.md", "LICENSE", "NOTICE", "requirements", "src", "tools", "web",
    }  # fmt: skip
    assert not [path for path in sent if "node_modules" in path or path.startswith(("web/tests", "tools/setup"))]


def test_every_package_of_the_image_has_a_hash() -> None:
    for stage in STAGES.values():
        for text in stage.all("RUN"):
            for command in re.findall(r"pip install[^&;]*", text):
                assert "--require-hashes" in command or "--no-deps dist/" in command


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_steps_of_the_image_give_a_server_that_is_well(tmp_path: Path) -> None:
    assert all(text.startswith(NEEDS_ROOT) for text in LAST.all("RUN"))
    context = sent_files((ROOT / ".dockerignore").read_text(), tracked())
    builder = Builder(tmp_path, context, {"LOCAL_MODEL": "false"})
    bundle = builder.place("/build/web/dist", STAGES["web"])
    if (ROOT / "web" / "dist" / "index.html").is_file():
        # The bundle's own steps are those of `make web`, which has made this one.
        shutil.copytree(ROOT / "web" / "dist", bundle)
    else:
        builder.build(STAGES["web"])
    for name in ("wheel", "install"):
        builder.build(STAGES[name])
    (tmp_path / "data").mkdir()
    image = builder.build(LAST)
    own = {name: value for name, value in image.items() if name.startswith("FIRESIDE_") and "TEST" not in name}
    run_the_image(tmp_path, environment(tmp_path) | own | {"PATH": image["PATH"], "FIRESIDE_HOST": "127.0.0.1"})


def run_the_image(folder: Path, variables: dict[str, str]) -> None:
    """Its command, on a free port of this machine alone; then what its health check asks."""
    read_only = {"cwd": folder / "data", "env": variables | {"FIRESIDE_PORT": "0"}}
    (entry,) = json.loads(LAST.all("ENTRYPOINT")[0])
    command = [entry, *json.loads(LAST.all("CMD")[0])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **read_only)
    try:
        assert process.stdout is not None
        url = re.search(r"http://\S+", process.stdout.readline())
        assert url is not None, process.communicate(timeout=30)
        check = json.loads(LAST.all("HEALTHCHECK")[0].partition("CMD ")[2])
        asked = subprocess.run(
            check, check=False, capture_output=True, text=True, timeout=60, cwd=folder,
            env=variables | {"FIRESIDE_URL": url.group()},
        )  # fmt: skip
        assert (asked.returncode, asked.stdout) == (0, f"The server at {url.group()} answers.\n"), asked.stderr
        assert {path.name for path in (folder / "data").iterdir()} >= {"fireside.db"}
    finally:
        process.terminate()
        process.communicate(timeout=30)
