"""The base of all widgets: what they show without a kernel.

A notebook on a web page has no kernel, and shows a widget's HTML instead: what it looked like when it was made.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import ipywidgets

from ..errors import LabError

W = TypeVar("W", bound=ipywidgets.Widget)


class Readable(ipywidgets.VBox):
    """A column of widgets that also says the same as HTML and as plain text, for readers without a kernel."""

    def __init__(self, children: list[ipywidgets.Widget], *, html: str, plain: str) -> None:
        super().__init__(children)  # type: ignore[no-untyped-call]
        self._html, self._plain = html, plain

    def __repr__(self) -> str:
        return self._plain

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs)  # type: ignore[no-untyped-call]
        return {**bundle, "text/plain": self._plain, "text/html": self._html}


def fluid(value: str = "") -> ipywidgets.HTML:
    """Some HTML that takes the width there is, and scrolls where that is not enough."""
    layout = ipywidgets.Layout(display="block", width="auto", max_width="100%", overflow="auto")
    return ipywidgets.HTML(value, layout=layout)


def in_words(place: ipywidgets.HTML, action: Callable[..., None]) -> Callable[..., None]:
    """A handler that does `action`, and writes an error into `place` rather than losing it."""
    from html import escape

    def handler(*event: Any) -> None:
        try:
            action(*event)
        except LabError as error:
            place.value = f'<p role="alert"><b>That did not work.</b> {escape(str(error))}</p>'
        except Exception as error:
            what = escape(f"{type(error).__name__}: {error}")
            place.value = f'<p role="alert"><b>Something broke in imagelab.</b> {what}</p>'

    return handler


def after_each_cell(widget: W, look: Callable[[W], object]) -> None:
    """Call `look(widget)` after every cell that is run, for as long as the widget is there.

    A cell may have changed what the widget shows. Outside IPython nothing is done.
    """
    if "IPython" not in sys.modules:
        return
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    shown = weakref.ref(widget)

    def look_again(*_: Any) -> None:
        still_there = shown()
        if still_there is None or still_there.comm is None:  # closed
            shell.events.unregister("post_run_cell", look_again)
        else:
            look(still_there)

    shell.events.register("post_run_cell", look_again)
