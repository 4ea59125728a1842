// A drawing one can take hold of: graphviz's own SVG, whose groups carry ids from the model.
//
// `nodes` says what each id is and does: {label, drag, drop, off, same, note, pressed, edit}. Drag a node onto one that
// takes drops, or off the drawing; click one to act on it, or to edit its text in place; hover or focus one to light up
// those in `same` and to read its `note`. By keyboard: arrows go to the next node in that direction, Enter acts, Space
// picks up, arrows and Enter drop, Alt and an arrow drops on the next one, Delete takes off, Escape puts back. What
// happens is sent to the kernel as {event, node, target}; it answers with another `svg`.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const OURS = ["role", "aria-label", "tabindex", "aria-pressed"]; // what a node's group has that graphviz does not give
const A_CLICK = 4; // pixels that the pointer may move in a click
const EDGE = 30; // pixels from the edge at which a drawing wider than the page scrolls under what is dragged
const PATIENCE = 3000; // milliseconds after which a kernel that does not answer is said to be silent
const ENDED = "The kernel has ended, so this drawing no longer answers. Run its section's cells again.";
const SILENT = "No answer from the kernel yet: it is busy with another cell, or has ended.";

function render({ model, el }) {
  el.classList.add("imagelab-touch");
  const picture = document.createElement("div");
  picture.className = "imagelab-touch-picture";
  picture.setAttribute("role", "group");
  const status = document.createElement("div");
  status.className = "imagelab-touch-status";
  status.setAttribute("role", "status");
  status.setAttribute("aria-live", "polite");
  const hint = document.createElement("p");
  hint.className = "imagelab-touch-hint";
  hint.id = `imagelab-hint-${Math.random().toString(36).slice(2)}`;
  picture.setAttribute("aria-describedby", hint.id);
  const canvas = document.createElement("div"); // a redraw replaces what is in it; a field that is open stays
  picture.append(canvas);
  el.append(picture, hint, status);

  let shown = null; // the SVG that is drawn
  let held = null; // the id of the node that was picked up by keyboard
  let focused = null; // the id of the node that Tab comes to
  let drag = null; // {id, ghost, x, y, moved} while a pointer holds a node
  let sent = 0; // when the last event was sent
  let noted = null; // the note that is shown
  let waiting = null; // the timer of an event that is not answered

  const nodes = () => model.get("nodes");
  const group = (id) => (id === null ? null : picture.querySelector(`[id="${CSS.escape(id)}"]`));
  const say = (text) => { status.textContent = text; };
  const label = (id) => nodes()[id]?.label ?? id;
  const reachable = () => Object.keys(nodes()).filter((id) => group(id));

  const ended = () => el.closest(".jupyter-widgets-disconnected") !== null;

  function send(event, node, target = null) {
    say(ended() ? ENDED : "");
    if (ended()) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => say(SILENT), PATIENCE);
    sent = performance.now();
    try {
      model.send({ event, node, target });
    } catch { // there is no kernel
      clearTimeout(waiting);
      say(ENDED);
    }
  }

  function draw() {
    const had = canvas.contains(document.activeElement);
    clearTimeout(waiting);
    if (model.get("svg") !== shown) canvas.innerHTML = shown = model.get("svg");
    picture.setAttribute("aria-label", model.get("label"));
    hint.textContent = model.get("hint");
    const svg = picture.querySelector("svg");
    svg?.removeAttribute("role"); // the groups inside are what is named, not one image
    svg?.removeAttribute("aria-label");
    svg?.querySelectorAll(":scope > title, :scope > desc").forEach((part) => part.remove());
    for (const element of canvas.querySelectorAll('[role="button"]')) { // of the same picture, drawn before
      if (!(element.id in nodes())) for (const name of OURS) element.removeAttribute(name);
    }
    for (const id of reachable()) {
      const element = group(id);
      element.setAttribute("role", "button");
      element.setAttribute("aria-label", label(id));
      element.setAttribute("tabindex", "-1");
      if (nodes()[id].pressed === null) element.removeAttribute("aria-pressed");
      else element.setAttribute("aria-pressed", nodes()[id].pressed);
      element.classList.toggle("imagelab-drag", nodes()[id].drag);
      element.classList.toggle("imagelab-drop", nodes()[id].drop);
    }
    held = held !== null && group(held) ? held : null;
    mark(held);
    light(null);
    const to = [model.get("focused"), focused, reachable()[0]].find((id) => id && group(id));
    rove(to ?? null, had);
    if (sent) {
      el.dataset.redrawn = (performance.now() - sent).toFixed(1); // milliseconds from the click, for the benchmark
      sent = 0;
    }
  }

  function rove(id, focus = true) {
    group(focused)?.setAttribute("tabindex", "-1");
    focused = id;
    const element = group(id);
    element?.setAttribute("tabindex", "0");
    if (focus) element?.focus();
  }

  function light(id) {
    picture.querySelectorAll(".imagelab-lit").forEach((one) => one.classList.remove("imagelab-lit"));
    if (status.textContent === noted) say("");
    noted = null;
    if (id === null) return;
    for (const one of [id, ...(nodes()[id]?.same ?? [])]) group(one)?.classList.add("imagelab-lit");
    if (nodes()[id]?.note && held === null) say(noted = nodes()[id].note);
  }

  function mark(id) {
    picture.querySelectorAll(".imagelab-held").forEach((one) => one.classList.remove("imagelab-held"));
    group(id)?.classList.add("imagelab-held");
  }

  const owner = (element) => {
    for (let one = element; one && one !== picture; one = one.parentElement) {
      if (one.id && one.id in nodes()) return one.id;
    }
    return null;
  };

  const middle = (id) => {
    const box = group(id).getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };

  function next(from, [right, down], among) {
    const [x, y] = middle(from);
    let best = null;
    let least = Infinity;
    for (const id of among) {
      if (id === from) continue;
      const [ox, oy] = middle(id);
      const along = (ox - x) * right + (oy - y) * down;
      const aside = Math.abs((ox - x) * down) + Math.abs((oy - y) * right);
      if (along > 1 && along + 2 * aside < least) [best, least] = [id, along + 2 * aside];
    }
    return best;
  }

  function act(id) {
    if (nodes()[id].edit === null) send("act", id);
    else edit(id);
  }

  function edit(id) { // the text of a node, in a field that lies on it
    const [box, around] = [group(id).getBoundingClientRect(), picture.getBoundingClientRect()];
    const field = document.createElement("textarea");
    field.className = "imagelab-touch-field";
    field.setAttribute("aria-label", `${label(id)}. Enter keeps the text, Escape leaves it as it was.`);
    field.spellcheck = false;
    field.value = nodes()[id].edit;
    field.rows = field.value.split("\n").length + 1;
    field.style.left = `${box.left - around.left + picture.scrollLeft}px`;
    field.style.top = `${box.top - around.top + picture.scrollTop}px`;
    field.style.width = `${box.width}px`;
    let closed = false;
    const close = (keep, focus) => {
      if (closed) return;
      closed = true; // its blur comes as it is removed
      field.remove();
      if (focus) rove(id);
      if (keep && field.value !== nodes()[id]?.edit) send("edit", id, field.value);
    };
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) {
        event.preventDefault();
        close(event.key === "Enter", true);
      }
    });
    field.addEventListener("blur", () => close(true, false));
    picture.append(field);
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
    say("Enter keeps the text, Shift and Enter begins another line, Escape leaves it as it was.");
  }

  function putBack() {
    if (held === null) return false;
    say(`${label(held)}: put back.`);
    held = null;
    mark(null);
    return true;
  }

  picture.addEventListener("keydown", (event) => {
    const id = owner(event.target);
    if (id === null || event.ctrlKey || event.metaKey || event.shiftKey) return; // Shift and Enter runs the cell
    const node = nodes()[id];
    if (event.altKey) {
      if (!node.drag || !(event.key in ARROWS)) return;
      const to = next(id, ARROWS[event.key], reachable().filter((one) => nodes()[one].drop));
      if (to !== null) send("drop", id, to);
    } else if (event.key in ARROWS) {
      const among = held === null ? reachable() : reachable().filter((one) => nodes()[one].drop || one === held);
      const to = next(id, ARROWS[event.key], among);
      if (to !== null) {
        rove(to);
        if (held !== null) say(`Enter drops ${label(held)} on ${label(to)}.`);
      }
    } else if ((event.key === "Enter" || event.key === " ") && held !== null) {
      if (id === held || !node.drop) {
        putBack();
      } else {
        const carried = held;
        held = null;
        mark(null);
        rove(carried);
        send("drop", carried, id);
      }
    } else if (event.key === " " && node.drag) {
      held = id;
      mark(id);
      say(`${label(id)} picked up: arrows choose, Enter drops, ${node.off ? "Delete takes it off, " : ""}Escape puts it back.`);
    } else if (event.key === "Enter" || event.key === " ") {
      act(id);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      if (node.off) {
        held = null;
        mark(null);
        send("off", id);
      }
    } else if (event.key === "Escape") {
      if (!putBack()) return;
    } else if (event.key.length > 1) { // Tab, Home, F5, …
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // in JupyterLab's command mode these keys, and letters, act on the cell: x cuts it
  });

  picture.addEventListener("focusin", (event) => {
    const id = owner(event.target);
    if (id !== null && id !== focused) rove(id, false);
    light(id);
  });
  picture.addEventListener("focusout", () => light(null));
  picture.addEventListener("pointerover", (event) => { if (!drag) light(owner(event.target)); });
  picture.addEventListener("pointerleave", () => { if (!drag) light(null); });

  picture.addEventListener("pointerdown", (event) => {
    const id = owner(event.target);
    if (id === null || event.button !== 0) return;
    drag = { id, ghost: null, x: event.clientX, y: event.clientY, left: picture.scrollLeft, top: picture.scrollTop };
    rove(id);
    event.preventDefault();
    picture.setPointerCapture(event.pointerId);
  });

  picture.addEventListener("pointermove", (event) => {
    if (!drag || !nodes()[drag.id]?.drag) return;
    const [right, down] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.ghost && Math.hypot(right, down) > A_CLICK) {
      const original = group(drag.id);
      drag.ghost = original.cloneNode(true);
      drag.ghost.removeAttribute("id");
      drag.ghost.classList.add("imagelab-ghost");
      original.parentNode.append(drag.ghost);
      original.classList.add("imagelab-held");
    }
    if (!drag.ghost) return;
    const box = picture.getBoundingClientRect();
    picture.scrollLeft += event.clientX > box.right - EDGE ? EDGE / 2 : event.clientX < box.left + EDGE ? -EDGE / 2 : 0;
    const scale = drag.ghost.parentNode.getScreenCTM();
    const [along, aside] = [right + picture.scrollLeft - drag.left, down + picture.scrollTop - drag.top];
    drag.ghost.setAttribute("transform", `translate(${along / scale.a} ${aside / scale.d})`);
    const under = below(event);
    picture.querySelectorAll(".imagelab-over").forEach((one) => one.classList.remove("imagelab-over"));
    if (under !== null && nodes()[under].drop) group(under).classList.add("imagelab-over");
  });

  const below = (event) => {
    for (const element of document.elementsFromPoint(event.clientX, event.clientY)) {
      if (element.closest(".imagelab-ghost") || !picture.contains(element)) continue;
      const id = owner(element);
      if (id !== null && id !== drag?.id) return id;
    }
    return null;
  };

  function release(event) {
    if (!drag) return;
    const { id, ghost, x, y } = drag;
    const target = below(event);
    const box = picture.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right
      && event.clientY >= box.top && event.clientY <= box.bottom;
    drag = null;
    ghost?.remove();
    picture.querySelectorAll(".imagelab-over").forEach((one) => one.classList.remove("imagelab-over"));
    mark(null);
    if (event.type === "pointercancel") return;
    if (!ghost) {
      if (Math.hypot(event.clientX - x, event.clientY - y) <= A_CLICK) act(id);
    } else if (target !== null && nodes()[target].drop) {
      send("drop", id, target);
    } else if (!inside && nodes()[id].off) {
      send("off", id);
    } else {
      say(`${label(id)}: put back.`);
    }
  }
  picture.addEventListener("pointerup", release);
  picture.addEventListener("pointercancel", release);

  model.on("change:drawn", draw); // svg, nodes and label change together; `drawn` is counted up after them
  model.on("change:announcement", () => say(model.get("announcement")));
  model.on("msg:custom", () => { // the event is dealt with
    clearTimeout(waiting);
    sent = 0;
    if (status.textContent === SILENT) say("");
  });
  const watch = new MutationObserver(() => { if (ended() && status.textContent !== ENDED) say(ENDED); });
  const attached = new ResizeObserver(() => { // it has a size once it is in the page, and only there a box around it
    const around = el.closest(".jupyter-widgets");
    if (around) watch.observe(around, { attributes: true, attributeFilter: ["class"] });
  });
  attached.observe(el);
  draw();
  try {
    model.send({ loaded: true });
  } catch { /* there is no kernel: the drawing is as it was */ }
  return () => {
    watch.disconnect();
    attached.disconnect();
    clearTimeout(waiting);
  };
}

export default { render };
