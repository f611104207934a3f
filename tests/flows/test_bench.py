"""`fireside bench` from end to end, on small loads: what it measures is not looked at, only that all of it is there."""

from __future__ import annotations

import json
from pathlib import Path

import openai
import pytest

from fireside.cli.bench.processes import scripted_upstream, watch
from tests.server_process import FIRESIDE, fireside, server_process

SMALL = ("--concurrency", "1,3", "--chats", "6", "--tokens", "12", "--pace", "1")


@pytest.mark.slow
def test_one_command_measures_every_protocol_and_the_floor(tmp_path: Path) -> None:
    files = ("--json", "b.json", "--markdown", "b.md", "--html", "b.html")
    code, out, err = fireside(tmp_path, "bench", "stream", "--protocol", "connect,grpc,rest", *SMALL, *files)
    assert code == 0, err
    report = json.loads((tmp_path / "b.json").read_text())
    subjects = [(row["server"], row["protocol"], row["concurrency"]) for row in report["rows"]]
    assert subjects == [
        (server, protocol, readers)
        for readers in (1, 3)
        for server, protocol in (("floor", "rest"), ("Fireside", "connect"), ("Fireside", "grpc"), ("Fireside", "rest"))
    ]
    for row in report["rows"]:
        assert (row["errors"], row["lost_tokens"]) == (0, 0)
        assert row["answers"] >= 6
        assert row["tokens"] == 12 * row["answers"] == row["added"]["count"]
        assert row["ttft"]["count"] == row["answers"]
        assert (row["cost"] is None) == (row["server"] == "floor")
    assert out == (tmp_path / "b.md").read_text()
    assert "<svg" in (tmp_path / "b.html").read_text()


@pytest.mark.slow
def test_a_server_that_runs_is_measured_once_it_has_the_model(tmp_path: Path) -> None:
    with scripted_upstream(["t12-p1"]) as upstream:
        (tmp_path / "f.toml").write_text(
            f'[[runners]]\nname = "mine"\nkind = "openai"\naddresses = ["{upstream.url}"]\n'
        )
        with server_process(tmp_path, "--config", "f.toml") as server:
            found = watch(None, "127.0.0.1", server.port)
            assert found is not None
            assert found.pid == server.process.pid
            to = ("--target", server.url, "--upstream", upstream.url, "--upstream-model", "t12-p1")
            code, out, err = fireside(tmp_path, "bench", "stream", *to, "--peer", f"{server.url}/v1", *SMALL)
            assert code == 0, err
            assert "| target | connect | 3 |" in out
            assert "| peer | rest | 3 |" in out
            server.end()


@pytest.mark.slow
def test_single_calls_are_measured(tmp_path: Path) -> None:
    flags = ("--concurrency", "2", "--duration", "0.3", "--protocol", "connect,grpc,rest", "--json", "a.json")
    code, _, err = fireside(tmp_path, "bench", "api", *flags)
    assert code == 0, err
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert {(row["server"], row["protocol"]) for row in rows} == {
        ("floor, list models", "rest"),
        ("Fireside, list models", "rest"),
        *((f"Fireside, {call}", protocol) for call in ("list conversations", "list models", "health") for protocol in ("connect", "grpc")),
    }  # fmt: skip
    assert all(row["answers"] and not row["errors"] for row in rows)


async def test_the_upstream_speaks_to_openais_client() -> None:
    with scripted_upstream(["t5-p0", "t5-p1"]) as upstream:
        async with openai.AsyncOpenAI(base_url=upstream.url, api_key="none") as client:
            assert [model.id async for model in client.models.list()] == ["t5-p0", "t5-p1"]
            question = [{"role": "user", "content": "hi"}]
            for model in ("t5-p0", "t5-p1"):
                stream = await client.chat.completions.create(model=model, messages=question, stream=True)
                chunks = [chunk async for chunk in stream]
                text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
                assert len(text) == 5 * 8
                assert chunks[-1].usage.completion_tokens == 5
            whole = await client.chat.completions.create(model="t5-p0", messages=question)
            assert whole.choices[0].message.content == "A fire."
            with pytest.raises(openai.NotFoundError):
                await client.chat.completions.create(model="other", messages=question)


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--target", "box:1"), 2, "'box:1' is no address"),
        (("--protocol", "soap"), 2, "--protocol 'soap': expected connect, grpc or rest"),
        (("--concurrency", "0"), 2, "expected numbers from 1 up"),
        (("--upstream", "http://127.0.0.1:1/v1"), 2, "needs --upstream-model"),
        (("--target", "http://127.0.0.1:1"), 3, "127.0.0.1:1 does not list its models"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, flags: tuple[str, ...], code: int, said: str) -> None:
    assert Path(FIRESIDE).exists()
    found, _, err = fireside(tmp_path, "bench", "stream", *flags)
    assert (found, said in err) == (code, True), err


@pytest.mark.slow
def test_every_door_of_files_is_measured(tmp_path: Path) -> None:
    code, out, err = fireside(tmp_path, "bench", "upload", "--megabytes", "3", "--json", "u.json")
    assert code == 0, err
    rows = json.loads((tmp_path / "u.json").read_text())["rows"]
    assert [row["door"] for row in rows] == [
        "floor, HTTP/1.1", "floor, HTTP/2", "ByteStream", "GET, HTTP/1.1", "ByteStream, reading", "tus, HTTP/1.1",
        "UploadService in pieces, HTTP/1.1",
    ]  # fmt: skip
    assert all(row["megabytes_per_second"] > 0 for row in rows)
    assert out.count("| ") > 30
