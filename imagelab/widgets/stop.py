"""Stop: a button that interrupts the kernel, as JupyterLab's ■ does, while a widget keeps it busy.

A kernel that is busy hears no button of a widget. This one asks the server, as ■ does; where a front end offers no way
to, it says which button to press instead.
"""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

_ESM = """
const PATIENCE = 500; // milliseconds after which the button comes: most steps need no Stop

function render({ model, el }) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "■ Stop";
  button.title = "Interrupt the kernel, which ends what is running here";
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  el.classList.add("imagelab-stop");
  el.append(button, status);
  let coming = null;
  function show() {
    clearTimeout(coming);
    button.hidden = true;
    status.textContent = "";
    if (model.get("running")) coming = setTimeout(() => { button.hidden = false; }, PATIENCE);
  }
  button.addEventListener("click", () => {
    const kernel = model.widget_manager?.kernel;
    if (kernel?.interrupt) kernel.interrupt();
    else status.textContent = " Press the ■ of the toolbar (Interrupt the kernel).";
  });
  model.on("change:running", show);
  show();
  return () => clearTimeout(coming);
}

export default { render };
"""
_CSS = """
.imagelab-stop button {
  font: inherit; padding: 3px 12px; cursor: pointer; color: #ffffff; background: #a33c00; border: 0; border-radius: 2px;
}
.imagelab-stop button:focus-visible { outline: 3px solid #0072b2; outline-offset: 1px; }
"""


class Stop(anywidget.AnyWidget):
    """The button; it is there while `running`, from half a second on. `with stop:` runs what it stops."""

    _esm = _ESM
    _css = _CSS
    running = traitlets.Bool(False).tag(sync=True)

    def __enter__(self) -> Stop:
        self.running = True
        return self

    def __exit__(self, *_: Any) -> None:
        self.running = False
