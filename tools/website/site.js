// What the pages do without a kernel or a server: the theme, the search, folded sections, drawings whose parts light up.
// Every page can be read without this script.
"use strict";

const root = document.documentElement;
const one = (selector) => document.querySelector(selector);
const WIDE = matchMedia("(min-width: 76rem)");

// The theme: what was chosen here before, or else what the system prefers.
const button = one("#theme");
const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const label = () => { button.textContent = dark() ? "Light" : "Dark"; button.title = `${button.textContent} page`; };
button.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  try { localStorage.setItem("imagelab-theme", root.dataset.theme); } catch { /* this page alone, then */ }
  label();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
label();
button.hidden = false;

// The contents: beside the text where there is room for both.
const contents = one(".contents details");
const room = () => { contents.open = WIDE.matches; };
WIDE.addEventListener("change", room);
room();

// What scrolls sideways can be scrolled by keyboard.
const scrollable = () => {
  for (const box of document.querySelectorAll("main :is(.wide, figure, pre)")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
addEventListener("resize", scrollable);
document.addEventListener("toggle", scrollable, true);
scrollable();

// A link to something folded opens it.
const arrive = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", arrive);
arrive();

// Paper cannot be unfolded.
let opened = [];
const print = (on) => {
  if (on) {
    const folds = [...document.querySelectorAll("main details:not([open])")];
    opened.push(...folds.filter((fold) => !fold.closest("figcaption")));
    opened.forEach((fold) => { fold.open = true; });
  } else {
    opened.forEach((fold) => { fold.open = false; });
    opened = [];
  }
};
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
matchMedia("print").addEventListener("change", (media) => print(media.matches));
if (matchMedia("print").matches) print(true);

// Drawings. One stop of Tab for each; the arrows go from part to part. What lights up with a part: the parts with the
// same 12 hex digits, the arrows that begin or end at it, and what is at their other ends.
const digits = (part) => part.textContent.match(/\b[0-9a-f]{12}/g) ?? [];
const kin = (parts, part) => {
  const lit = new Set([part]);
  const name = part.dataset.name;
  const mine = new Set(part.querySelector("[data-name]") ? [] : digits(part)); // a box speaks of more than its own
  for (const other of parts) {
    const ends = other.dataset.name.split("->");
    if (ends.length === 2 && ends.includes(name)) {
      lit.add(other);
      parts.filter((end) => ends.includes(end.dataset.name)).forEach((end) => lit.add(end));
    }
    if (!other.querySelector("[data-name]") && digits(other).some((hex) => mine.has(hex))) lit.add(other);
  }
  if (name.includes("->")) parts.filter((end) => name.split("->").includes(end.dataset.name)).forEach((end) => lit.add(end));
  return lit;
};
for (const svg of document.querySelectorAll("svg.drawing")) {
  const parts = [...svg.querySelectorAll("[data-name]")];
  const stops = parts.filter((part) => !part.dataset.name.includes("->"));
  if (!stops.length) continue;
  svg.setAttribute("role", "group"); // its parts are what is named, not one image
  const light = (part) => {
    parts.forEach((other) => other.classList.remove("lit"));
    if (part) kin(parts, part).forEach((other) => other.classList.add("lit"));
  };
  stops.forEach((part, number) => {
    part.setAttribute("role", "img");
    part.setAttribute("aria-label", [...part.querySelectorAll("text")].map((text) => text.textContent).join(" "));
    part.tabIndex = number ? -1 : 0;
  });
  svg.addEventListener("pointerover", (event) => light(event.target.closest("[data-name]")));
  svg.addEventListener("pointerleave", () => light(stops.includes(document.activeElement) ? document.activeElement : null));
  svg.addEventListener("focusin", (event) => light(event.target.closest("[data-name]")));
  svg.addEventListener("focusout", () => light(null));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = stops.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = stops[(at + step + stops.length) % stops.length];
    stops[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

// The search: every word must be there; headings come first. The index is read when it is first needed.
const field = one("#search");
const results = one("#results");
const MOST = 20;
let index = null;
const read = () => {
  index ??= new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = "search-index.js";
    script.onload = () => resolve(window.searchIndex.map((entry) => [...entry, entry.slice(1).join("\n").toLowerCase()]));
    document.head.append(script);
  });
  return index;
};
const excerpt = (text, words) => {
  const low = text.toLowerCase();
  const first = Math.min(...words.map((word) => low.indexOf(word)).filter((at) => at >= 0));
  const start = Number.isFinite(first) ? Math.max(0, text.lastIndexOf(" ", Math.max(0, first - 40)) + 1) : 0;
  const shown = text.slice(start, start + 160);
  const line = document.createElement("p");
  line.append(start ? "… " : "");
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[^\w\s]/g, "\\$&")).join("|")})`, "i");
  shown.split(pattern).forEach((piece, number) => {
    if (number % 2 === 0) return line.append(piece);
    const mark = document.createElement("mark");
    mark.textContent = piece;
    line.append(mark);
  });
  line.append(start + 160 < text.length ? " …" : "");
  return line;
};
const search = async () => {
  const entries = await read();
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  results.hidden = !words.length;
  if (!words.length) return;
  const weight = ([, , heading]) => words.filter((word) => heading.toLowerCase().includes(word)).length;
  const hits = entries.filter((entry) => words.every((word) => entry[4].includes(word)));
  hits.sort((a, b) => weight(b) - weight(a)); // sort is stable: else in the order of the course
  const count = hits.length === 1 ? "1 section" : `${hits.length} sections`;
  results.querySelector("[role=status]").textContent =
    hits.length > MOST ? `${count}, the first ${MOST} are here` : hits.length ? count : "Nothing has all of these words.";
  results.querySelector("ol").replaceChildren(...hits.slice(0, MOST).map(([address, page, heading, text]) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = address;
    link.textContent = page === heading ? page : `${page} › ${heading}`;
    item.append(link, excerpt(text, words));
    return item;
  }));
};
const close = () => { results.hidden = true; };
field.addEventListener("focus", read);
field.addEventListener("input", search);
results.addEventListener("click", (event) => { if (event.target.closest("a")) close(); });
document.addEventListener("pointerdown", (event) => { if (!event.target.closest("search")) close(); });
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName) && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    field.focus();
    field.select();
    return;
  }
  if (!event.target.closest?.("search")) return;
  const links = [...results.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "Escape") {
    close();
    field.focus();
    field.select();
  } else if (event.key === "Enter" && at < 0) {
    if (!results.hidden) links[0]?.click();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const next = at + (event.key === "ArrowDown" ? 1 : -1);
    if (next < 0) field.focus();
    else links[Math.min(next, links.length - 1)]?.focus();
  }
});
field.hidden = false;
