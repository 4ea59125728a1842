// A question: a real radio button for each option, in a row that answers wherever it is clicked.
//
// By keyboard: Tab comes to the options, arrows move among them, Enter or Space answers, and so does an option's letter
// or number from any of them. Arrows only move, because the first answer counts: all options can be read before it.
// An answer is sent to the kernel as {answer: letter}; what is `chosen` comes from there.

const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
const LEFT_OVER = "This question is left over from a kernel that has ended. Run its cell again to answer.";
let views = 0;

function render({ model, el }) {
  const name = `imagelab-choices-${(views += 1)}-${Math.random().toString(36).slice(2)}`;
  el.classList.add("imagelab-choices");
  const question = document.createElement("div");
  question.id = name;
  const group = document.createElement("div");
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-labelledby", name);
  const status = document.createElement("div");
  status.setAttribute("role", "status");
  el.append(question, group, status);

  const radios = model.get("options").map(([letter, html]) => {
    const row = document.createElement("label");
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = name;
    radio.value = letter;
    const text = document.createElement("span");
    text.innerHTML = html;
    const mark = document.createElement("span");
    mark.className = "imagelab-choices-mark";
    row.append(radio, text, mark);
    group.append(row);
    return radio;
  });

  function answer(letter) {
    if (el.closest(".jupyter-widgets-disconnected")) status.textContent = LEFT_OVER;
    else model.send({ answer: letter });
    showChosen();
  }

  function showChosen() {
    for (const radio of radios) {
      const chosen = radio.value === model.get("chosen");
      const row = radio.parentElement;
      radio.checked = chosen;
      row.classList.toggle("imagelab-chosen", chosen);
      row.querySelector(".imagelab-choices-mark").textContent = chosen ? "✓ your answer" : "";
    }
  }

  function showFeedback() {
    // The same answer is shown above and below: only the place where the learner is announces it.
    status.setAttribute("aria-live", el.contains(document.activeElement) ? "polite" : "off");
    status.innerHTML = model.get("feedback");
  }

  const showQuestion = () => { question.innerHTML = model.get("question"); };

  group.addEventListener("change", (event) => answer(event.target.value));

  group.addEventListener("keydown", (event) => {
    const at = radios.indexOf(event.target);
    if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in STEPS && !event.shiftKey) {
      radios[(at + STEPS[event.key] + radios.length) % radios.length].focus();
    } else if (event.key === "Enter" && !event.shiftKey) {
      answer(event.target.value);
    } else if (event.key === " " && !event.shiftKey) {
      event.stopPropagation(); // the browser answers; JupyterLab is not to scroll
      return;
    } else {
      const typed = radios[Number(event.key) - 1] ?? radios.find((radio) => radio.value === event.key.toLowerCase());
      if (!typed) return;
      typed.focus();
      answer(typed.value);
    }
    event.preventDefault();
    event.stopPropagation(); // in JupyterLab's command mode a letter inserts a cell
  });

  model.on("change:question", showQuestion);
  model.on("change:chosen", showChosen);
  model.on("change:feedback", showFeedback);
  showQuestion();
  showChosen();
  showFeedback();
}

export default { render };
