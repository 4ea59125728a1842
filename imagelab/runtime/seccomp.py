"""The seccomp filter of Linux programs: the system calls that Docker's default profile denies.

Docker's profile lists what is allowed; this module lists what it denies to a program with Docker's default capabilities
and what would reach the host: the kernel's keyrings, which have no namespace of their own, kernel modules, the clock,
swap, performance counters, BPF, io_uring, mounts and more user namespaces.

See seccomp(2), and moby's profiles/seccomp/default.json (Docker 28).
"""

from __future__ import annotations

import errno
import os
import struct
import sys

X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003  # AUDIT_ARCH_*; x86_64 runs i386's programs too
DENIED = {  # each call's number on these three; -1 where there is none
    "acct": (163, 89, 51),
    "add_key": (248, 217, 286),
    "bpf": (321, 280, 357),
    "clock_adjtime": (305, 266, 343),
    "clock_settime": (227, 112, 264),
    "delete_module": (176, 106, 129),
    "finit_module": (313, 273, 350),
    "fsconfig": (431, 431, 431),
    "fsmount": (432, 432, 432),
    "fsopen": (430, 430, 430),
    "fspick": (433, 433, 433),
    "get_mempolicy": (239, 236, 275),
    "init_module": (175, 105, 128),
    "io_uring_enter": (426, 426, 426),
    "io_uring_register": (427, 427, 427),
    "io_uring_setup": (425, 425, 425),
    "ioperm": (173, -1, 101),
    "iopl": (172, -1, 110),
    "kexec_file_load": (320, 294, -1),
    "kexec_load": (246, 104, 283),
    "keyctl": (250, 219, 288),
    "lookup_dcookie": (212, 18, 253),
    "mbind": (237, 235, 274),
    "migrate_pages": (256, 238, 294),
    "mount": (165, 40, 21),
    "mount_setattr": (442, 442, 442),
    "move_mount": (429, 429, 429),
    "move_pages": (279, 239, 317),
    "nfsservctl": (180, 42, 169),
    "open_by_handle_at": (304, 265, 342),
    "open_tree": (428, 428, 428),
    "perf_event_open": (298, 241, 336),
    "pivot_root": (155, 41, 217),
    "quotactl": (179, 60, 131),
    "quotactl_fd": (443, 443, 443),
    "reboot": (169, 142, 88),
    "request_key": (249, 218, 287),
    "set_mempolicy": (238, 237, 276),
    "setns": (308, 268, 346),
    "settimeofday": (164, 170, 79),
    "swapoff": (168, 225, 115),
    "swapon": (167, 224, 87),
    "sysfs": (139, -1, 135),
    "umount": (-1, -1, 22),
    "umount2": (166, 39, 52),
    "unshare": (272, 97, 310),
    "uselib": (134, -1, 86),
    "userfaultfd": (323, 282, 374),
    "ustat": (136, -1, 62),
}  # fmt: skip
_CLONE = {X86_64: 56, AARCH64: 220, I386: 120}
_CLONE3 = 435
_X32 = 0x40000000  # the bit of x86_64's other, 32-bit, system calls
_NEWUSER = 0x10000000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian


def program() -> bytes:
    """The filter as classic BPF; empty without seccomp, or on an architecture whose numbers are not listed here."""
    if not os.path.exists("/proc/sys/kernel/seccomp"):
        return b""
    if sys.byteorder != "little" or os.uname().machine not in ("x86_64", "aarch64", "arm64"):
        return b""
    code: list[bytes] = []
    for index, architecture in enumerate((X86_64, AARCH64, I386)):
        block = [_step(_LOAD, _NUMBER)]
        if architecture == X86_64:
            block += [_step(_JUMP_AT_LEAST, _X32, 0, 1), _step(_RETURN, _ERROR | errno.ENOSYS)]
        for numbers in DENIED.values():
            if (number := numbers[index]) >= 0:
                block += [_step(_JUMP_EQUAL, number, 0, 1), _step(_RETURN, _ERROR | errno.EPERM)]
        # a filter cannot see the flags of clone3: C libraries fall back to clone when it is missing
        block += [_step(_JUMP_EQUAL, _CLONE3, 0, 1), _step(_RETURN, _ERROR | errno.ENOSYS)]
        block += [_step(_JUMP_EQUAL, _CLONE[architecture], 1, 0), _step(_RETURN, _ALLOW)]
        block += [_step(_LOAD, _FIRST_ARGUMENT), _step(_JUMP_ANY_BIT, _NEWUSER, 0, 1)]
        block += [_step(_RETURN, _ERROR | errno.EPERM)]
        block += [_step(_RETURN, _ALLOW)]
        code += [_step(_LOAD, _ARCHITECTURE), _step(_JUMP_EQUAL, architecture, 0, len(block)), *block]
    return b"".join([*code, _step(_RETURN, _KILL)])


def descriptor() -> int:
    """The descriptor of a file in memory that holds the filter, for `bwrap --seccomp`; -1 if there is no filter."""
    if not (code := program()):
        return -1
    file = os.memfd_create("seccomp")
    os.write(file, code)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _step(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction: struct sock_filter. A jump counts the instructions it skips."""
    return struct.pack("<HBBI", operation, if_true, if_false, value)
