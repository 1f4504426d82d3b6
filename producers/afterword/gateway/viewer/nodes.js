// Building the page. Text is always set as text: no memory can become markup.
import { word, told } from "./words.js";

/** An element. A property that begins with "on" listens; `data` sets data attributes; the rest are attributes. */
export function node(tag, properties = {}, ...children) {
  const made = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** A time as the reader's own clock and language write it, and exactly for machines. */
export function timeNode(moment) {
  const shown = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  return node("time", { datetime: moment, title: moment }, shown.format(new Date(moment)));
}

export const number = (value, digits = 0) =>
  value === null || value === undefined
    ? "–"
    : new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: digits }).format(value);

/** Pairs of a name and a value as a list; pairs without a value are left out. A name of somebody else's is a node. */
export function pairs(className, entries) {
  const shown = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const rows = shown.map(([name, value]) => [node("dt", {}, name instanceof Node ? name : word(name)), node("dd", {}, value)]);
  return node("dl", { class: className }, className === "figures" ? rows.map((row) => node("div", {}, row)) : rows);
}

let noticeEnds;

/** Say something for some seconds; read out by screen readers. An error stays longer. */
export function notify(text, wrong = false) {
  const notice = byId("notice");
  notice.textContent = text;
  notice.classList.toggle("wrong", wrong);
  clearTimeout(noticeEnds);
  noticeEnds = setTimeout(() => (notice.textContent = ""), wrong ? 12000 : 5000);
}

/** Run something that asks the gateway; an error is shown, and the button is not pressed twice meanwhile. */
export async function attempt(work, button = null) {
  if (button) button.disabled = true;
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") notify(told(error), true);
    return undefined;
  } finally {
    if (button) button.disabled = false;
  }
}

/** Show the dialog with a title and content; Escape and the cross close it, and the focus goes back by itself. */
export function openDialog(title, ...content) {
  const dialog = byId("dialog");
  const close = node("button", { type: "button", class: "close", "aria-label": word("close"), onclick: () => dialog.close() }, "×");
  dialog.replaceChildren(node("h2", { id: "dialog-title" }, title), ...content, close);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  return dialog;
}

/** A dialog that does something for good once a name is typed. `work` gets the form's fields. */
export function openTyped(title, help, name, fields, work) {
  const typed = node("input", { id: "typed", autocomplete: "off", spellcheck: "false" });
  const sure = node("button", { class: "danger", disabled: true }, title);
  const isTyped = () => typed.value.trim() === name.trim();
  typed.oninput = () => (sure.disabled = !isTyped());
  const form = node("form", {}, node("p", {}, help), fields,
    node("label", { for: "typed" }, word("confirm")), typed, node("div", { class: "row" }, node("span"), sure));
  const dialog = openDialog(title, form);
  form.onsubmit = (event) => {
    event.preventDefault();
    if (!isTyped()) return;
    attempt(async () => {
      const done = await work();
      dialog.close();
      return done;
    }, sure);
  };
  typed.focus();
}

/** Hand a file to the reader. */
export function download(name, parts, type) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  node("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

/** A table with these heads; a cell that is a number stands at the right. */
export const table = (heads, rows, caption) =>
  node("table", {}, caption && node("caption", {}, caption),
    node("thead", {}, node("tr", {}, heads.map((head) => node("th", { scope: "col" }, word(head))))),
    node("tbody", {}, rows.map((cells) => node("tr", {}, cells.map((cell) =>
      node("td", { class: typeof cell === "number" ? "number" : "text" }, typeof cell === "number" ? number(cell) : cell))))));
