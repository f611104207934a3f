"""Secrets at rest: what opens which, and where the key comes from."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fireside.runners.sealing import FileKey, Sealer, SecretKeyError, TextKey, UnsealError

SECRET = "sk-very-secret"


def test_a_secret_opens_with_what_sealed_it() -> None:
    sealed = Sealer(TextKey("a long random text")).seal("runner", "shed", SECRET)
    assert Sealer(TextKey("a long random text")).open("runner", "shed", sealed) == SECRET
    assert SECRET.encode() not in sealed


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    sealer = Sealer(TextKey("a long random text"))
    assert sealer.seal("runner", "shed", SECRET) != sealer.seal("runner", "shed", SECRET)


@pytest.mark.parametrize(("purpose", "name"), [("runner", "barn"), ("other", "shed"), ("runner\0shed", "")])
def test_a_secret_is_bound_to_what_it_is_for(purpose: str, name: str) -> None:
    sealer = Sealer(TextKey("a long random text"))
    sealed = sealer.seal("runner", "shed", SECRET)
    with pytest.raises(UnsealError):
        sealer.open(purpose, name, sealed)


def test_another_key_does_not_open_it() -> None:
    sealed = Sealer(TextKey("a long random text")).seal("runner", "shed", SECRET)
    with pytest.raises(UnsealError) as caught:
        Sealer(TextKey("another random text")).open("runner", "shed", sealed)
    assert SECRET not in str(caught.value)


def test_damage_is_seen_at_every_byte() -> None:
    sealer = Sealer(TextKey("a long random text"))
    sealed = sealer.seal("runner", "shed", "s")
    for at in range(len(sealed)):
        damaged = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(UnsealError):
            sealer.open("runner", "shed", damaged)
        with pytest.raises(UnsealError):
            sealer.open("runner", "shed", sealed[:at])


def test_the_key_file_is_made_when_it_is_needed_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret.key"
    sealer = Sealer(FileKey(path))
    assert not path.exists()
    sealed = sealer.seal("runner", "shed", SECRET)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret.key"]
    assert Sealer(FileKey(path)).open("runner", "shed", sealed) == SECRET


def test_processes_that_start_at_once_agree_on_a_key(tmp_path: Path) -> None:
    keys: list[bytes] = []
    start = threading.Barrier(8)

    def read() -> None:
        start.wait()
        keys.append(FileKey(tmp_path / "secret.key").read())

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(keys) == 8


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ab" * 31])
def test_a_damaged_key_file_is_told_and_not_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secret.key"
    path.write_text(content)
    with pytest.raises(SecretKeyError, match="restore it from a backup"):
        FileKey(path).read()
    assert path.read_text() == content


def test_a_key_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "secret.key").mkdir()
    with pytest.raises(SecretKeyError, match="cannot be read"):
        FileKey(tmp_path / "secret.key").read()


def test_a_file_system_without_links_gets_a_key_too(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    key = FileKey(path)
    key._new(b"ab" * 32)
    key._new(b"cd" * 32)
    assert path.read_bytes() == b"ab" * 32
    assert path.stat().st_mode & 0o777 == 0o600
