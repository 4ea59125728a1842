"""Public names of the engine have docstrings, and a function that raises an error of ours names it there."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import imagelab
from imagelab.errors import LabError

PACKAGE = Path(imagelab.__file__).parent
ENGINE = ("filesystem", "host", "oci", "store", "archive", "build", "containers", "runtime", "analysis", "golang")
MODULES = sorted(
    path
    for path in [PACKAGE / "lab.py", *(path for name in ENGINE for path in (PACKAGE / name).rglob("*.py"))]
    if path.name != "__init__.py" and path.parent.name != "applets"  # the shell's commands
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Function | ast.ClassDef, str]]:
    """The public functions and classes of a module, methods too: name, node, and the docstring of its class."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield prefix + node.name, node, ""
            if isinstance(node, ast.ClassDef):
                about = ast.get_docstring(node) or ""
                for name, inner, _ in public(node.body, f"{prefix}{node.name}."):
                    yield name, inner, about


def is_empty(node: Function) -> bool:
    """Whether there is no body: a Protocol's method, or an overload."""
    return all(isinstance(step, ast.Expr | ast.Pass) for step in node.body)


def is_a(node: Function, *decorators: str) -> bool:
    return any(ast.unparse(one).rpartition(".")[2] in decorators for one in node.decorator_list)


def raised(node: ast.AST, caught: frozenset[str] = frozenset()) -> Iterator[tuple[str, frozenset[str]]]:
    """The classes that a function's own body raises by name, each with the names that are caught around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(child, ast.Raise) and child.exc is not None:
            called = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            if isinstance(called, ast.Name):
                yield called.id, caught
        if isinstance(child, ast.Try):
            types = [handler.type for handler in child.handlers if handler.type]
            here = {name.id for one in types for name in ast.walk(one) if isinstance(name, ast.Name)}
            yield from raised(ast.Module(child.body, []), caught | here)
            for part in (*child.handlers, ast.Module(child.orelse, []), ast.Module(child.finalbody, [])):
                yield from raised(part, caught)
        else:
            yield from raised(child, caught)


def errors_of(module: str) -> dict[str, type]:
    """LabError and its subclasses, by the names that a module has for them."""
    names = vars(importlib.import_module(module))
    return {name: one for name, one in names.items() if isinstance(one, type) and issubclass(one, LabError)}


def module_name(path: Path) -> str:
    return ".".join(("imagelab", *path.relative_to(PACKAGE).with_suffix("").parts))


def docstring(module: str, name: str) -> str:
    """That of a function, class or method of a module; a method without one has that of the method it overrides."""
    *owners, last = name.split(".")
    owner = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    return next((text for one in getattr(owner, "__mro__", [owner]) if (text := _own(vars(one).get(last)))), "")


def _own(value: object) -> str:
    for attribute in ("fget", "func", "__func__"):  # of a property, a cached_property, a classmethod
        value = getattr(value, attribute, None) or value
    return inspect.getdoc(value) or "" if value is not None else ""


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES])
def test_public_names_have_docstrings_that_name_their_errors(path: Path) -> None:
    """A class above the error is enough: what raises OverLimit may say Invalid. What is caught on the spot is none."""
    module = module_name(path)
    errors = errors_of(module)
    faults = []
    for name, node, about in public(ast.parse(path.read_text("utf-8")).body):
        if isinstance(node, Function) and (is_empty(node) or is_a(node, "overload", "setter")):
            continue
        text = docstring(module, name)
        if not text:
            faults.append(f"{path.name}:{node.lineno} {name} has no docstring")
        elif isinstance(node, Function):
            for error, caught in raised(node):
                names = {one.__name__ for one in errors[error].__mro__[:-3]} if error in errors else set()
                if names and not names & caught and not any(one in text + about for one in names):
                    faults.append(f"{path.name}:{node.lineno} {name} raises {error}: its docstring does not say so")
    assert faults == []


def test_every_name_that_imagelab_offers_has_a_docstring() -> None:
    faults = []
    for name in imagelab.__all__:
        value = getattr(imagelab, name)
        if not inspect.getdoc(value):
            faults.append(name)
        if isinstance(value, type):
            methods = [one for one in vars(value) if not one.startswith("_")]
            fields = getattr(value, "__dataclass_fields__", ())
            faults += [f"{name}.{one}" for one in methods if one not in fields and not _own(vars(value)[one])]
    assert faults == []
