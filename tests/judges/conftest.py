"""Labs and archives for the judges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.oci.image import Image
from judges import images, registries
from judges.registries import Place


@dataclass(frozen=True)
class Built:
    """A case made real: the image, its names, the Lab that holds it, the archive of it (all names)."""

    lab: Lab
    image: Image
    names: list[str]
    archive: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Built]:
    """Build a case once for all judges of a module: `built("whiteouts")`."""
    made: dict[str, Built] = {}

    def build(name: str) -> Built:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            lab = Lab(folder / "home", epoch=1_700_000_000)
            image, names = images.build(lab, name)
            lab.save(names, folder / "image.tar")
            made[name] = Built(lab, image, names, folder / "image.tar")
        return made[name]

    return build


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Place]]:
    """Registries, each started once, when it is first asked for: `registry("htpasswd")`."""
    with registries.on_demand(tmp_path_factory.mktemp) as place:
        yield place
