"""Takes from the child process what reading a document does not need, before it looks at the document. Linux has most.

Everywhere: memory, processor time, no files written, no core. On Linux besides: no signals to others, no programs, no
network and no changes to files (seccomp), and only Python's own folders and the document can be opened (Landlock). None
of it needs root. What a kernel or a container does not offer is left out and named.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from fireside.knowledge.extract.syscalls import AUDIT_ARCH, CLONE, DENIED, OPEN, OPENAT, PRLIMIT, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_READABLE = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/dev/null",
    "/dev/urandom",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
)
_ALLOW, _DENY, _ABSENT, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_LOAD, _EQUAL, _ATLEAST, _ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CLONE_THREAD = 0x10000


def confine(document: Path, memory_bytes: int, seconds: float, parent: int) -> list[str]:
    """Does all of it, in the main thread, before there is another one. Returns what the system does not offer."""
    missing: list[str] = []
    linux = sys.platform == "linux"
    if linux:
        _die_with(parent)
        with suppress(OSError):
            # If memory runs out for the whole machine, this goes first.
            descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(descriptor, b"1000")
            os.close(descriptor)
    if sys.platform != "win32":
        os.nice(10)
        _limit(memory_bytes, seconds)
    if not linux:
        return ["landlock", "seccomp"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return ["landlock", "seccomp"]
    if not _fence(libc, [*_READABLE, *sys.path, sys.prefix, sys.base_prefix, str(document)]):
        missing.append("landlock")
    if not _filter_calls(libc):
        missing.append("seccomp")
    return missing


def _die_with(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _limit(memory_bytes: int, seconds: float) -> None:
    import resource

    processor = int(seconds) + 1
    for kind, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, 256, 256),
        (resource.RLIMIT_CPU, processor, processor + 1),
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
    ):
        # A system may know no such limit, or already have a lower one.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (soft, hard))


def _fence(libc: ctypes.CDLL, readable: Iterable[str]) -> bool:
    """Landlock: these files and folders can be read, nothing else be opened at all."""
    version = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        return False
    files = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    # Files; then TCP (from version 4); then abstract sockets and signals (from 6).
    attributes = struct.pack("=QQQ", files, 3, 3)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = libc.syscall(_LANDLOCK_CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    for path in dict.fromkeys(readable):
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        allowed = _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)  # noqa: PTH112 - before pathlib is needed.
        libc.syscall(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", allowed, descriptor), 0)
        os.close(descriptor)
    done = libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return done


def _filter_calls(libc: ctypes.CDLL) -> bool:
    """seccomp: refuses the calls of syscalls.py."""
    machine = platform.machine()
    if machine not in AUDIT_ARCH:
        return False
    program = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        # The other numbering of x86.
        (_ATLEAST, 0, 1, 0x40000000),
        (_RETURN, 0, 0, _KILL),
    ]
    for number in DENIED[machine]:
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _DENY)]
    for number in UNKNOWN:
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ABSENT)]
    for number, argument, mask, refuse_if_set in (
        (CLONE[machine], 0, _CLONE_THREAD, False),
        (OPENAT[machine], 2, _WRITING, True),
        (OPEN.get(machine), 1, _WRITING, True),
        (PRLIMIT[machine], 2, 0xFFFFFFFF, True),
    ):
        if number is not None:
            answers = (_DENY, _ALLOW) if refuse_if_set else (_ALLOW, _DENY)
            program += [
                (_EQUAL, 0, 4, number),
                (_LOAD, 0, 0, 16 + 8 * argument),
                (_ANY, 0, 1, mask),
                (_RETURN, 0, 0, answers[0]),
                (_RETURN, 0, 0, answers[1]),
            ]
    program.append((_RETURN, 0, 0, _ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    pointer = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    return libc.prctl(_PR_SET_SECCOMP, 2, pointer, 0, 0) == 0
