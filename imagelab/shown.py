"""How values show in a notebook: a list as docker's table of it, a noun as HTML.

The engine imports no view library: what draws is imported when something is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .tables import Table

T = TypeVar("T")


class Displayed:
    """The HTML of a noun, for notebooks."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        from .display import html

        return html(self)


class Listing(list[T]):
    """A list that shows as docker's table of its values; `table()` is that table, a pandas DataFrame.

    `kind` is the function of `tables` that makes the table, `context` what that needs besides the values.
    """

    def __init__(self, values: Iterable[T], kind: str, *context: Any) -> None:
        super().__init__(values)
        self._kind, self._context = kind, context

    def table(self, **options: Any) -> Table:
        """A pandas DataFrame with a row (or several) for each value: whole digests, sizes in bytes, times in UTC."""
        from . import tables

        made: Table = getattr(tables, self._kind)(self, *self._context, **options)
        return made

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
