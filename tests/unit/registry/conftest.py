"""Two labs and a registry between them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from imagelab import Lab
from imagelab.registry.server.embedded import EmbeddedRegistry

BIG = os.urandom(300_000)


@pytest.fixture
def lab() -> Lab:
    return Lab.temporary()


@pytest.fixture
def registry(lab) -> Iterator[EmbeddedRegistry]:
    with lab.registry() as registry:
        yield registry


@pytest.fixture
def other() -> Lab:
    """The lab of somebody else, to pull into."""
    return Lab.temporary(current=False)


@pytest.fixture
def app(lab, registry) -> str:
    """The name of an image of three layers, not pushed yet."""
    base = lab.append(None, {"big": BIG, "etc/a": "1\n"}, created_by="base")
    image = lab.append(lab.append(base, {"b": "2\n" * 5000}), {"c": "3\n"})
    name = f"{registry.address}/team/app:1"
    lab.tag(image, name)
    return name
