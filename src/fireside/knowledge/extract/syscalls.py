"""The numbers of Linux's system calls that reading a document does not need, for each processor. Not the filter."""

from __future__ import annotations

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""What the kernel calls the processor."""

DENIED = {
    "x86_64": (
        # socket, connect, accept, bind, listen, socketpair, accept4
        *(41, 42, 43, 49, 50, 53, 288),
        # fork, vfork, execve, execveat, kill, pidfd_send_signal, pidfd_open, pidfd_getfd
        *(57, 58, 59, 322, 62, 424, 434, 438),
        # ptrace, process_vm_readv, process_vm_writev
        *(101, 310, 311),
        # truncate, rename, mkdir, rmdir, creat, link, unlink, symlink, chmod, fchmod, chown, fchown, lchown, mknod
        *(76, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92, 93, 94, 133),
        # mkdirat, mknodat, fchownat, unlinkat, renameat, linkat, symlinkat, fchmodat, renameat2, fchmodat2
        *(258, 259, 260, 263, 264, 265, 266, 268, 316, 452),
        # utime, utimes, futimesat, utimensat, setxattr, lsetxattr, fsetxattr
        *(132, 235, 261, 280, 188, 189, 190),
        # setrlimit, pivot_root, chroot, mount, umount2, unshare, setns
        *(160, 155, 161, 165, 166, 272, 308),
        # add_key, request_key, keyctl, perf_event_open, bpf, io_uring_setup, userfaultfd
        *(248, 249, 250, 298, 321, 425, 323),
    ),
    "aarch64": (
        # socket, socketpair, bind, listen, accept, connect, accept4
        *(198, 199, 200, 201, 202, 203, 242),
        # execve, execveat, kill, pidfd_send_signal, pidfd_open, pidfd_getfd
        *(221, 281, 129, 424, 434, 438),
        # ptrace, process_vm_readv, process_vm_writev
        *(117, 270, 271),
        # mknodat, mkdirat, unlinkat, symlinkat, linkat, renameat, truncate, fchmod, fchmodat, fchownat, fchown, renameat2, fchmodat2
        *(33, 34, 35, 36, 37, 38, 45, 52, 53, 54, 55, 276, 452),
        # utimensat, setxattr, lsetxattr, fsetxattr
        *(88, 5, 6, 7),
        # setrlimit, umount2, mount, pivot_root, chroot, unshare, setns
        *(164, 39, 40, 41, 51, 97, 268),
        # add_key, request_key, keyctl, perf_event_open, bpf, io_uring_setup, userfaultfd
        *(217, 218, 219, 241, 280, 425, 282),
    ),
}
UNKNOWN = (435, 437)
"""clone3 and openat2, whose arguments a filter cannot see: said not to exist, so that libc takes clone and openat."""

CLONE = {"x86_64": 56, "aarch64": 220}
"""For threads alone."""
OPEN = {"x86_64": 2}
OPENAT = {"x86_64": 257, "aarch64": 56}
"""For reading alone."""
PRLIMIT = {"x86_64": 302, "aarch64": 261}
"""For asking alone."""
