"""Stop: a button that ends the program which keeps a widget busy.

Where JupyterLab runs the widgets' handlers in a thread of their own (a subshell of the kernel), no interrupt reaches
them: the button has the main thread run `press`, which kills the program. Where there is one thread, which waits, the
button interrupts the kernel, as ■ does. Where a front end offers neither, it says which button to press instead.
"""

from __future__ import annotations

import threading
from weakref import WeakValueDictionary

import anywidget
import traitlets

from ..runtime import process

_buttons: WeakValueDictionary[str, Stop] = WeakValueDictionary()
_ESM = """
const PATIENCE = 500; // milliseconds after which the button comes, and for which it waits for the kernel's answer

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
  button.addEventListener("click", async () => {
    const kernel = model.widget_manager?.kernel;
    if (kernel?.requestExecute) {
      const code = `from imagelab.widgets.stop import press; press("${model.get("key")}")`;
      const answer = kernel.requestExecute({ code, silent: true, store_history: false }).done.then(() => true);
      const late = new Promise((resolve) => setTimeout(() => resolve(false), PATIENCE));
      if (!await Promise.race([answer, late]) && model.get("running")) kernel.interrupt();
    } else status.textContent = " Press the ■ of the toolbar (Interrupt the kernel).";
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
    """The button; it is there while `running`, from half a second on. `with stop:` runs what it stops.

    `pressed` says afterwards whether it was.
    """

    _esm = _ESM
    _css = _CSS
    key = traitlets.Unicode().tag(sync=True)
    running = traitlets.Bool(False).tag(sync=True)

    def __init__(self) -> None:
        super().__init__(key=f"{id(self):x}")
        _buttons[self.key] = self
        self.pressed = False
        self._thread = 0

    def __enter__(self) -> Stop:
        self.pressed, self._thread = False, threading.get_ident()
        self.running = True
        return self

    def __exit__(self, *_: object) -> None:
        self.running = False

    def press(self) -> None:
        """End the program that the block waits for; called from another thread."""
        if self.running:
            self.pressed = True
            process.kill_watched_by(self._thread)


def press(key: str) -> None:
    """Press the button with this key, if there is still one."""
    if key in _buttons:
        _buttons[key].press()
