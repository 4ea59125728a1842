// The up and down arrows in a text field bring back what was entered there. Nothing of it is to be seen: the field is
// the first one in the box around it.

function render({ model, el }) {
  el.style.display = "none";
  let field = null;
  let at = 0; // the line that is shown: one of `lines`, or what is being typed after them
  let typed = "";

  function key(event) {
    const lines = model.get("lines");
    if (event.key === "Enter") at = Infinity;
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    if (at > lines.length) at = lines.length;
    if (at === lines.length) typed = field.value;
    at = Math.max(0, Math.min(lines.length, at + (event.key === "ArrowUp" ? -1 : 1)));
    field.value = at === lines.length ? typed : lines[at];
    field.setSelectionRange(field.value.length, field.value.length);
    event.preventDefault();
  }

  const find = () => { // once it is in the page
    field = el.isConnected ? el.closest(".widget-vbox")?.querySelector("input") : null;
    if (field) {
      at = model.get("lines").length;
      field.addEventListener("keydown", key);
    } else {
      waiting = requestAnimationFrame(find);
    }
  };
  let waiting = requestAnimationFrame(find);
  model.on("change:lines", () => { at = model.get("lines").length; });
  return () => {
    cancelAnimationFrame(waiting);
    field?.removeEventListener("keydown", key);
  };
}

export default { render };
