"""The README for a package page such as PyPI's, where links relative to the repository do not work.

A metadata hook of hatchling, named in pyproject.toml. The repository's address is `Repository` in `[project.urls]`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")


class PackagePage(MetadataHookInterface):
    """Sets the project's long description."""

    def update(self, metadata: dict[str, Any]) -> None:
        repository = metadata.get("urls", {}).get("Repository")
        readme = Path(self.root, "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(readme, repository)}


def absolute(markdown: str, repository: str | None) -> str:
    """The text with every relative link and picture replaced: by its absolute address, or without one by its text."""

    def replaced(link: re.Match[str]) -> str:
        picture, text, path = link.groups()
        if not repository:
            return f"*{text}*" if picture else text
        return f"{picture}[{text}]({repository.rstrip('/')}/{'raw' if picture else 'blob'}/HEAD/{path})"

    return RELATIVE.sub(replaced, markdown)
