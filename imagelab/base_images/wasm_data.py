"""The data section of a WebAssembly file: the initial memory of its program.

A CPython built for WASI contains its standard library there; the base image needs it as a file.

Implements the data section of the WebAssembly core specification (5.5.14), as far as LLVM writes it: active segments of
the one memory, each at a constant address.
"""

from __future__ import annotations

from ..errors import Invalid

DATA, MEMORY, PAGE = 11, 5, 65_536  # section numbers, and the unit of a memory's size
_I32_CONST = 0x41


def initial_memory(program: bytes) -> bytes:
    """The memory filled from the data section; raises Invalid for a malformed file, or one not as described above."""
    if program[:8] != b"\0asm\1\0\0\0":
        raise Invalid("not a WebAssembly module: it does not begin with \\0asm and version 1")
    memory = bytearray()
    try:
        place = 8
        while place < len(program):
            section = program[place]
            size, place = _number(program, place + 1)
            if section == MEMORY:
                pages, _ = _number(program, place + 2)  # after their count, one, and whether there is a maximum
                memory = bytearray(pages * PAGE)
            elif section == DATA:
                _fill(memory, program, place)
            place += size
    except IndexError:
        raise Invalid("the WebAssembly module is truncated") from None
    return bytes(memory)


def _fill(memory: bytearray, program: bytes, place: int) -> None:
    count, place = _number(program, place)
    for _ in range(count):
        if program[place] != 0 or program[place + 1] != _I32_CONST:
            raise Invalid("the WebAssembly module has data whose address is not a constant")
        address, place = _number(program, place + 2)
        size, place = _number(program, place + 1)  # after the end of its address
        if place + size > len(program):
            raise IndexError
        if address + size > len(memory):
            raise Invalid("the WebAssembly module has data outside its memory")
        memory[address : address + size] = program[place : place + size]
        place += size


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A LEB128 number, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
