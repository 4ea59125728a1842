"""The filter denies what it lists, by the numbers that this machine's kernel headers have."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from imagelab.runtime import seccomp

HEADERS = {
    "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "aarch64": "/usr/include/asm-generic/unistd.h",
    "i386": "/usr/include/x86_64-linux-gnu/asm/unistd_32.h",
}


@pytest.mark.parametrize("machine", HEADERS)
def test_the_numbers_are_the_kernels(machine):
    header = Path(HEADERS[machine])
    if not header.exists():
        pytest.skip(f"needs {header} (apt-get install linux-libc-dev)")
    numbers = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text()))
    column = list(HEADERS).index(machine)
    ours = {name: row[column] for name, row in seccomp.DENIED.items()}
    assert ours == {name: int(numbers.get(name, -1)) for name in ours}


def decide(architecture: int, number: int, flags: int = 0) -> int:
    """Run the filter as the kernel does, for one call; returns what it says."""
    data = struct.pack("<iIQQ", number, architecture, 0, flags)
    steps = list(struct.iter_unpack("<HBBI", seccomp.program()))
    at = value = 0
    while True:
        operation, if_true, if_false, constant = steps[at]
        at += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("<I", data, constant)
        elif operation == 0x06:
            return constant
        else:
            met = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[operation]
            at += if_true if met else if_false


ALLOW, DENY, MISSING = 0x7FFF0000, 0x00050001, 0x00050026


@pytest.mark.skipif(not seccomp.program(), reason="has no filter for this processor")
def test_each_listed_call_is_denied_and_others_are_not():
    for index, architecture in enumerate((seccomp.X86_64, seccomp.AARCH64, seccomp.I386)):
        denied = {row[index] for row in seccomp.DENIED.values()} - {-1}
        for number in range(500):
            if number != 435:
                assert (decide(architecture, number) == DENY) == (number in denied), (hex(architecture), number)
        assert decide(architecture, 435) == MISSING  # clone3
    assert decide(seccomp.X86_64, 56, 0x10000000) == DENY  # clone with CLONE_NEWUSER
    assert decide(seccomp.X86_64, 56, 0x00000011) == ALLOW
    assert decide(seccomp.X86_64, 0x40000000 + 250) == MISSING  # x32's keyctl
    assert decide(0x12345678, 1) not in (ALLOW, DENY)
