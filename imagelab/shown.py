"""How values show in a notebook: a list as docker's table of it, a noun as HTML.

The engine imports no view library: what draws is imported when something is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, overload

if TYPE_CHECKING:
    from .tables import Table

PAGE_STYLE = Path(__file__).with_name("page.css")

T = TypeVar("T")


class Displayed:
    """The HTML of a noun, for notebooks."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        from .display import html

        return html(self)


class Listing(list[T]):
    """A list that shows as docker's table of its values; `table()` is that table, a pandas DataFrame.

    `kind` is the function of `tables` that makes the table, `context` its other arguments; `numbers`, one for each
    value, label the rows where that function takes them. A slice of a Listing is a Listing.
    """

    def __init__(self, values: Iterable[T], kind: str, *context: Any, numbers: Sequence[int] | None = None) -> None:
        super().__init__(values)
        self._kind, self._context, self._numbers = kind, context, numbers

    @overload
    def __getitem__(self, index: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Listing[T]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> T | Listing[T]:
        if not isinstance(index, slice):
            return super().__getitem__(index)
        numbers = self._numbers[index] if self._numbers is not None else None
        return Listing(super().__getitem__(index), self._kind, *self._context, numbers=numbers)

    def table(self, **options: Any) -> Table:
        """A pandas DataFrame with a row (or several) for each value: whole digests, sizes in bytes, times in UTC."""
        from . import tables

        if self._numbers is not None:
            options["numbers"] = self._numbers
        table: Table = getattr(tables, self._kind)(self, *self._context, **options)
        return table

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
