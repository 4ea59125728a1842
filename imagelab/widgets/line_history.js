// A text field as a command line: Enter hands the line over and empties the field at once, so that nothing typed while
// the kernel is busy is lost, and the up and down arrows bring back what was entered. Nothing of it is to be seen: the
// field is the first one in the box around it.

function render({ model, el }) {
  el.style.display = "none";
  let field = null;
  let at = 0; // the line that is shown: one of `lines`, or what is being typed after them
  let typed = "";

  function key(event) {
    const lines = model.get("lines");
    if (event.key === "Enter") {
      at = Infinity;
      model.send({ entered: field.value });
      field.value = "";
      event.stopImmediatePropagation(); // or the field would send its value too, which the kernel empties later
      event.preventDefault();
    }
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
      field.addEventListener("keydown", key, true);
    } else {
      waiting = requestAnimationFrame(find);
    }
  };
  let waiting = requestAnimationFrame(find);
  model.on("change:lines", () => { at = model.get("lines").length; });
  return () => {
    cancelAnimationFrame(waiting);
    field?.removeEventListener("keydown", key, true);
  };
}

export default { render };
