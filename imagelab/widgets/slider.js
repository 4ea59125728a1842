// The browser's own slider, with one stop for each option: arrows, Home and End move it, and so does the mouse. What it
// stands at is written beside it, and said by a screen reader.

const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];

function render({ model, el }) {
  el.classList.add("imagelab-slider");
  const label = document.createElement("label");
  const name = document.createElement("span");
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = 0;
  slider.step = 1;
  const stop = document.createElement("output");
  stop.setAttribute("aria-live", "off"); // the slider itself says it
  label.append(name, slider, stop);
  el.append(label);

  function draw() {
    const labels = model.get("labels");
    name.textContent = model.get("description");
    slider.setAttribute("aria-label", model.get("description")); // the label around it holds the value, too
    slider.max = Math.max(0, labels.length - 1);
    slider.disabled = model.get("disabled");
    slider.value = model.get("index") ?? 0;
    stop.textContent = labels[slider.value] ?? "";
    slider.setAttribute("aria-valuetext", stop.textContent);
  }

  slider.addEventListener("input", () => {
    model.set("index", Number(slider.value));
    model.save_changes();
  });
  slider.addEventListener("keydown", (event) => {
    if (KEYS.includes(event.key) && !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey) {
      event.stopPropagation(); // JupyterLab's command mode has these keys as well
    }
  });

  model.on("change:labels change:index change:disabled change:description", draw);
  draw();
}

export default { render };
