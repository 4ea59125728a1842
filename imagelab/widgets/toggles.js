// A row of buttons, one of them pressed. Tab comes to the pressed one, arrows, Home and End go to the others, and Enter
// or Space presses. `aria-pressed` says which one is chosen.

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

function render({ model, el }) {
  el.classList.add("imagelab-toggles");
  const description = document.createElement("span");
  const group = document.createElement("div");
  group.setAttribute("role", "group");
  el.append(description, group);
  const buttons = () => [...group.children];

  function draw() {
    const had = group.contains(document.activeElement);
    const name = model.get("description");
    description.textContent = name;
    group.setAttribute("aria-label", name);
    group.replaceChildren(...model.get("labels").map((label, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.title = `${name}: ${label}`;
      button.addEventListener("click", () => {
        model.set("index", at);
        model.save_changes();
        rove(at);
      });
      return button;
    }));
    press();
    if (had) buttons()[model.get("index") ?? 0]?.focus();
  }

  function press() {
    buttons().forEach((button, at) => button.setAttribute("aria-pressed", at === model.get("index")));
    rove(model.get("index") ?? 0);
  }

  const rove = (to) => buttons().forEach((button, at) => button.setAttribute("tabindex", at === to ? "0" : "-1"));

  group.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const [all, at] = [buttons(), buttons().indexOf(event.target)];
    const to = event.key in STEPS ? (at + STEPS[event.key] + all.length) % all.length
      : event.key === "Home" ? 0 : event.key === "End" ? all.length - 1 : null;
    if (to !== null) {
      rove(to);
      all[to].focus();
      event.preventDefault();
    } else if (event.key !== "Enter" && event.key !== " ") {
      return;
    }
    event.stopPropagation(); // JupyterLab's command mode has these keys as well
  });
  group.addEventListener("focusout", (event) => {
    if (!group.contains(event.relatedTarget)) rove(model.get("index") ?? 0); // Tab comes back to the pressed one
  });

  model.on("change:labels", draw);
  model.on("change:index", press);
  draw();
}

export default { render };
