"""The labs of the containers' tests: what is copied goes into a container, or comes out of one."""

from unit.containers.conftest import base, lab, linux

__all__ = ["base", "lab", "linux"]
