"""The house: imports point down, the engine knows no view, a module holds one idea."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import imagelab

PACKAGE = Path(imagelab.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# The packages and single modules of each floor, the ground first; `imagelab/__init__.py` stands before all of them.
FLOORS = [
    {"errors", "units", "shown"},
    {"filesystem", "golang"},
    {"host"},
    {"oci", "runtime"},
    {"store", "analysis"},
    {"base_images"},
    {"archive", "build", "cp", "registry", "volumes"},
    {"containers"},
    {"lab"},
    {"tables", "drawings"},
    {"widgets"},
    {"cli", "display"},
    {"lesson"},
    {"__main__"},
]
ENGINE_FLOORS = 9  # the floors above hold the views
VIEWS = set[str]().union(*FLOORS[ENGINE_FLOORS:])
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
VIEW_LIBRARIES = {"pandas", "numpy", "graphviz", "graphviz_pure", "IPython", "ipywidgets", "click"}


def name_of(path: Path) -> str:
    """cli/table.py -> cli; tar.py -> tar."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def floor_of(name: str) -> int:
    return next((floor for floor, names in enumerate(FLOORS) if name in names), -1)


@dataclass(frozen=True)
class Imports:
    """The absolute names that a module imports: imagelab.store.store, pandas, …"""

    at_once: frozenset[str]  # when it is imported itself
    later: frozenset[str]  # inside a function, or for a type checker alone

    @property
    def all(self) -> frozenset[str]:
        return self.at_once | self.later


@cache
def imports(path: Path) -> Imports:
    package = ("imagelab", *path.relative_to(PACKAGE).parts[:-1])
    names: dict[bool, set[str]] = {False: set(), True: set()}

    def visit(node: ast.AST, later: bool) -> None:
        if isinstance(node, ast.Import):
            names[later].update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names[later].update(f"{module}.{alias.name}" for alias in node.names)
        types_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.iter_child_nodes(node):
            visit(child, later or types_only or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

    visit(ast.parse(path.read_text("utf-8")), False)
    return Imports(frozenset(names[False]), frozenset(names[True]))


def packages(names: frozenset[str]) -> set[str]:
    """The packages and single modules of imagelab among imported names."""
    parts = (name.split(".") for name in names)
    return {part[1] for part in parts if part[0] == "imagelab" and len(part) > 1 and floor_of(part[1]) >= 0}


def by_path(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(PACKAGE)))


ROOMS = [path for path in MODULES if path != PACKAGE / "__init__.py"]
ENGINE = [path for path in ROOMS if 0 <= floor_of(name_of(path)) < ENGINE_FLOORS]


def test_every_module_has_a_floor():
    assert {name_of(path) for path in ROOMS if floor_of(name_of(path)) < 0} == set()


@by_path(ROOMS)
def test_imports_point_down(path):
    """At the level of the module always; a function of the engine may import a view when it is called."""
    own = name_of(path)
    beside = {name for name in packages(imports(path).at_once) - {own} if floor_of(name) >= floor_of(own)}
    above = {name for name in packages(imports(path).later) - VIEWS if floor_of(name) > floor_of(own)}
    assert not beside | above, f"{path.name} (floor {floor_of(own)}) imports from above: {sorted(beside | above)}"


def test_no_circle_between_packages():
    """Not through imports of functions either, those of views aside."""
    arrows: dict[str, set[str]] = {}
    for path in ROOMS:
        own, names = name_of(path), imports(path)
        lower = packages(names.at_once) | (packages(names.later) if own in VIEWS else packages(names.later) - VIEWS)
        arrows.setdefault(own, set()).update(lower - {own})

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join([*trail, name])
        for lower in sorted(arrows.get(name, ())):
            walk(lower, (*trail, name))

    for name in arrows:
        walk(name, ())


@by_path(ENGINE)
def test_the_engine_knows_no_view(path):
    assert not {name.split(".")[0] for name in imports(path).all} & VIEW_LIBRARIES


def test_views_use_a_lab_and_of_its_store_the_blobs_alone():
    beneath = {
        f"{path.relative_to(PACKAGE)}:{node.lineno} {ast.unparse(node)}"
        for path in ROOMS
        if name_of(path) in VIEWS
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and re.search(r"\blab\.store\.(?!blobs$)\w+$", ast.unparse(node))
    }
    assert not beneath


def code_lines(path: Path) -> int:
    """The lines of a module without blank lines, comments and docstrings."""
    text = path.read_text("utf-8")
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    code = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent:
            code.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            code.difference_update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(code)


@pytest.mark.parametrize("package", sorted({path.parent for path in ENGINE} - {PACKAGE}), ids=lambda path: path.name)
def test_a_package_is_small(package):
    """It and its modules, without the packages inside it."""
    assert sum(map(code_lines, package.glob("*.py"))) <= 1400


def test_what_one_reads_to_understand_images_is_short():
    packages = (PACKAGE / name for name in ("filesystem", "oci", "store"))
    assert sum(code_lines(path) for package in packages for path in package.glob("*.py")) <= 2700


def test_the_reading_order_names_every_module_of_the_engine():
    table = (PACKAGE.parent / "CONTRIBUTING.md").read_text("utf-8")
    table = table[table.index("## Reading order") : table.index("## The house rules")]
    listed = [name for row in table.splitlines() if row.startswith("| ") for name in re.findall(r"`(\w+)`", row)]
    there = [path.stem for path in ENGINE if path.stem != "__init__" and path.parent.name != "applets"]
    assert sorted(listed) == sorted(there)


@by_path(MODULES)
def test_a_module_is_small_and_has_a_docstring(path):
    assert code_lines(path) <= 300
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def test_import_is_light():
    """Neither the door nor the engine behind it loads a view library."""
    code = "import imagelab, sys; imagelab.Lab; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "imagelab.lab" in loaded.split()
    assert not {name.split(".")[0] for name in loaded.split()} & VIEW_LIBRARIES
