"""The text of a Dockerfile: read, checked, and its words expanded; nothing is built here."""

from .instruction import Dockerfile, DockerfileError, Instruction, Stage
from .parse import MAX_BYTES, MAX_INSTRUCTIONS, PREDEFINED, parse, parse_instructions

__all__ = [
    "MAX_BYTES", "MAX_INSTRUCTIONS", "PREDEFINED", "Dockerfile", "DockerfileError", "Instruction", "Stage", "parse",
    "parse_instructions",
]  # fmt: skip
