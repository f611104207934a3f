"""`fireside doctor` on a machine where nothing is set up, and beside a running server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from fireside.edge.tls import ensure_local
from fireside.runners.llama.weight_files import QWEN
from tests.callers import caller
from tests.ollama_server import ollama_server
from tests.runner_calls import NOWHERE, SECRET, create, spec
from tests.served import serve
from tests.server_process import fireside, server_process
from tests.smtp_server import smtp_server


def findings(folder: Path, *flags: str) -> tuple[int, dict[str, dict[str, str]]]:
    code, out, _ = fireside(folder, "doctor", "--json", "--port", "0", "--data-dir", "data", *flags)
    return code, {finding["name"]: finding for finding in json.loads(out)["findings"]}


def test_a_fresh_machine_is_told_what_to_do(tmp_path: Path) -> None:
    code, out, err = fireside(tmp_path, "doctor", "--port", "0")
    assert (code, err) == (1, "")
    assert "make weights" in out
    assert "essential" in out.splitlines()[-1]
    code, found = findings(tmp_path)
    assert found["weights"]["level"] == "missing"
    for name in ("python", "data directory", "disk", "database", "port", "tls"):
        assert found[name]["level"] == "ok", found[name]
    assert not (tmp_path / "data").exists()


def test_what_is_not_used_is_not_missed(tmp_path: Path) -> None:
    _, found = findings(tmp_path, "--local-model", "off")
    assert "weights" not in found
    assert found["local model"]["level"] == "note"


def test_damaged_weights_are_found(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / QWEN.file).write_bytes(b"short")
    _, found = findings(tmp_path, "--models-dir", str(models))
    assert (found["weights"]["level"], "damaged" in found["weights"]["detail"]) == ("missing", True)
    with (models / QWEN.file).open("r+b") as file:
        file.truncate(QWEN.size)
    code, out, err = fireside(tmp_path, "doctor", "--models-dir", str(models), "--port", "0")
    assert (code, "checking the hash" in err, "damaged" in out) == (1, True, True)


def test_a_running_server_is_no_fault(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        _, found = findings(tmp_path)
        assert found["database"]["level"] == "ok"
        assert f"process {server.process.pid}" in found["database"]["detail"]
        _, found = findings(tmp_path, "--port", str(server.port))
        assert (found["port"]["level"], str(server.port) in found["port"]["detail"]) == ("missing", True)
    _, found = findings(tmp_path)
    assert "its schema is the newest" in found["database"]["detail"]


def test_faults_of_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file is in the way")
    (tmp_path / "other.db").write_text("not a database" * 100)
    made = ensure_local(tmp_path / "tls", [])
    code, found = findings(
        tmp_path, "--tls-cert", str(made.certificate), "--tls-key", str(made.certificate),
        "--database-url", f"sqlite://{tmp_path}/other.db",
    )  # fmt: skip
    assert code == 1
    for name in ("data directory", "database", "tls"):
        assert found[name]["level"] == "missing", found[name]
        assert found[name]["fix"], found[name]


def test_a_good_certificate_is_told_with_its_end(tmp_path: Path) -> None:
    _, found = findings(tmp_path, "--tls", "auto")
    assert found["tls"]["detail"] == "made at the first start"
    ensure_local(tmp_path / "data" / "tls", [])
    _, found = findings(tmp_path, "--tls", "auto")
    assert "until 20" in found["tls"]["detail"]


def test_a_setting_and_where_it_comes_from_is_told(tmp_path: Path) -> None:
    (tmp_path / "fireside.toml").write_text("local_model = false\n")
    _, out, _ = fireside(tmp_path, "doctor", "--port", "0")
    assert "local_model comes from fireside.toml:1" in out
    assert fireside(tmp_path, "doctor", "--tls", "on")[0] == 2


async def test_runners_are_reached(tmp_path: Path) -> None:
    async with ollama_server() as ollama:
        (tmp_path / "fireside.toml").write_text(
            f'[[runners]]\nname = "shed"\nkind = "ollama"\naddress = "{ollama.url}"\n'
            '[[runners]]\nname = "barn"\nkind = "openai"\naddress = "http://127.0.0.1:9/v1"\napi_key = "sk-seen"\n'
            '[[runners]]\nname = "field"\nkind = "worker"\naddress = "127.0.0.1:9"\ndisabled = true\n'
        )
        # The server answers in this loop, so the command waits in a thread.
        _, found = await asyncio.to_thread(findings, tmp_path)
    assert found["runner shed"]["level"] == "ok"
    assert "Ollama 0.13.5, 4 models" in found["runner shed"]["detail"]
    assert (found["runner barn"]["level"], "127.0.0.1:9" in found["runner barn"]["detail"]) == ("note", True)
    assert "switched off" in found["runner field"]["detail"]
    assert "sk-seen" not in json.dumps(found)


async def test_runners_that_were_added_are_reached_while_no_server_runs(tmp_path: Path) -> None:
    async with serve(tmp_path) as server, caller("grpcio", server.url) as client:
        await create(client, spec("shed", NOWHERE), SECRET)
    _, found = await asyncio.to_thread(findings, tmp_path, "--data-dir", str(tmp_path))
    assert (found["runner shed"]["level"], "the settings screen" in found["runner shed"]["detail"]) == ("note", True)
    assert SECRET not in json.dumps(found)


async def test_a_mail_server_is_called(tmp_path: Path) -> None:
    mail = ("--smtp-host", "127.0.0.1", "--smtp-security", "off", "--smtp-from", "f@example.org")
    async with smtp_server() as mailbox:
        flags = (*mail, "--public-url", "http://localhost", "--smtp-port", str(mailbox.port))
        _, found = await asyncio.to_thread(findings, tmp_path, *flags)
        assert found["mail"]["level"] == "ok"
        assert not mailbox.mails
    _, found = await asyncio.to_thread(findings, tmp_path, *flags)
    assert (found["mail"]["level"], "smtp_" in found["mail"]["fix"]) == ("note", True)
    assert "mail" not in (await asyncio.to_thread(findings, tmp_path))[1]


def test_what_files_and_knowledge_need_is_looked_at(tmp_path: Path) -> None:
    _, found = findings(tmp_path, "--embedding-model", "off", "--blob-store", "/proc/nowhere")
    assert (found["files"]["level"], "cannot be written" in found["files"]["detail"]) == ("note", True)
    assert (found["embedding model"]["level"], found["documents"]["level"]) == ("note", "ok")
    flags = ("--s3-endpoint", NOWHERE, "--s3-access-key", "a", "--s3-secret-key", "b")
    _, found = findings(tmp_path, "--blob-store", "s3://bucket/files", "--embedding-model", "ollama/nomic", *flags)
    assert (found["files"]["level"], bool(found["files"]["fix"])) == ("note", True)
    assert found["embedding model"]["detail"] == "ollama/nomic, of a runner"
