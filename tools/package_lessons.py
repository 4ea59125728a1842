"""The lessons' notebooks in the wheel, where `imagelab learn` takes them from.

A build hook of hatchling, named in pyproject.toml. An editable installation uses those of the repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PackageLessons(BuildHookInterface):
    """Adds the notebooks and their pictures to the package `imagelab.lesson`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            folder = Path(self.root, "notebooks")
            for file in [*folder.glob("*.ipynb"), *folder.glob("pictures/*.svg")]:
                build_data["force_include"][str(file)] = f"imagelab/lesson/notebooks/{file.relative_to(folder)}"
