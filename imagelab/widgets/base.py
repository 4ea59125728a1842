"""What all widgets share: the base class, event handlers that show errors, and the controls.

A notebook on a web page has no kernel. It shows a widget's HTML instead: what the widget showed when it was made.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, TypeVar

import anywidget
import ipywidgets
import traitlets

from ..errors import LabError
from ..shown import PAGE_STYLE
from .selection import Option
from .toggles import Toggles

W = TypeVar("W", bound=ipywidgets.Widget)
SEEN_WITH = {"20-28": "Docker 20-28 (classic store)", "29": "Docker 29 (containerd store)"}  # docker_stores.STORES


class LessonPage(anywidget.AnyWidget):
    """What the widgets of a kernel bring to their page: its style, and the bars and the map of the course as they are.

    `bars` maps the ids of bars, and of the map, to their HTML. A reloaded page shows a bar as it was saved, and the
    kernel can no longer change that output; here its words, without the links, are put in place.
    """

    _esm = """
export default { render({ model, el }) {
  el.style.display = "none";
  const parts = (bar) => bar.tagName === "TABLE" ? [...bar.querySelectorAll("td")] : [bar];
  const show = () => {
    for (const [id, html] of Object.entries(model.get("bars"))) {
      const now = document.createElement("template");
      now.innerHTML = html;
      const words = parts(now.content.firstElementChild).map((part) => part.textContent);
      for (const bar of el.closest(".jp-Notebook")?.querySelectorAll(`[data-imagelab="${id}"]`) ?? []) {
        parts(bar).forEach((part, n) => { if (part.textContent !== words[n]) part.textContent = words[n]; });
      }
    }
  };
  model.on("change:bars", show);
  const frame = requestAnimationFrame(show); // it is on the page by then
  return () => { cancelAnimationFrame(frame); model.off("change:bars", show); };
} };
"""
    _css = PAGE_STYLE
    bars = traitlets.Dict().tag(sync=True)


_page: LessonPage | None = None


def page() -> LessonPage:
    """The one page of this kernel's widgets."""
    global _page
    if _page is None or _page.comm is None:  # closed
        _page = LessonPage()
    return _page


class Readable(ipywidgets.VBox):
    """A column of widgets with a version in HTML and one in plain text, for readers without a kernel."""

    def __init__(self, children: list[ipywidgets.Widget], *, html: str, plain: str) -> None:
        super().__init__([*children, page()])  # type: ignore[no-untyped-call]
        self._html, self._plain = html, plain

    def close(self) -> None:
        """Close it and the widgets in it, so that none of them goes on by itself."""
        for child in self.children:
            if child is not _page:
                child.close()
        super().close()  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return self._plain

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs)  # type: ignore[no-untyped-call]
        return {**bundle, "text/plain": self._plain, "text/html": self._html}


def show_errors(area: ipywidgets.HTML, action: Callable[..., None]) -> Callable[..., None]:
    """An event handler that runs `action`, and shows an exception in `area`: ipywidgets would drop it unseen."""

    def handler(*event: Any) -> None:
        try:
            action(*event)
        except Exception as error:
            area.value = alert(error)

    return handler


def alert(error: Exception) -> str:
    """HTML that says what went wrong, and that a screen reader announces."""
    if isinstance(error, LabError):
        return f'<p role="alert"><b>That did not work.</b> {escape(str(error))}</p>'
    message = escape(f"{type(error).__name__}: {error}")
    return f'<p role="alert"><b>An error inside imagelab.</b> {message}</p>'


def status(html: str) -> str:
    """HTML that a screen reader announces when it changes."""
    return f'<div role="status">{html}</div>'


def html_area(value: str = "") -> ipywidgets.HTML:
    """An area of HTML as wide as the page, which scrolls where that is not enough."""
    layout = ipywidgets.Layout(display="block", width="auto", max_width="100%", overflow="auto")
    return ipywidgets.HTML(value, layout=layout)


def button(label: str, tooltip: str) -> ipywidgets.Button:
    """A button as wide as its label, in a column too."""
    layout = ipywidgets.Layout(width="auto", align_self="flex-start")
    return ipywidgets.Button(description=label, tooltip=tooltip, layout=layout)


def toggles(label: str, options: Iterable[Option] = ()) -> Toggles:
    """A row of buttons, one of them chosen; an option is a value with a label of its own, or its own label.

    No drop-down list: while one is closed, JupyterLab takes the arrow keys for itself.
    """
    return Toggles(label, options)


def seen_with() -> Toggles:
    """The switch between the Dockers whose IDs and words a widget shows: its values are keys of `SEEN_WITH`."""
    return toggles("Seen with", [(label, version) for version, label in SEEN_WITH.items()])


def side_by_side(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    """Widgets in a row, which wraps where the page is narrow."""
    return ipywidgets.HBox(widgets, layout=ipywidgets.Layout(flex_flow="row wrap"))


def after_each_cell(widget: W, redraw: Callable[[W], object]) -> None:
    """Call `redraw(widget)` after every cell, which may have changed what it shows, until it is closed or deleted.

    Does nothing outside IPython.
    """
    if "IPython" not in sys.modules:
        return
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    reference = weakref.ref(widget)

    def handler(*_: Any) -> None:
        shown = reference()
        if shown is None or shown.comm is None:  # closed
            shell.events.unregister("post_run_cell", handler)
        else:
            redraw(shown)

    shell.events.register("post_run_cell", handler)
