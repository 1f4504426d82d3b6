// The list: search as you type, filters, pages; adding, and clearing all.
import { ask, filled } from "./door.js";
import { attempt, byId, node, notify, number, openDialog, openTyped, timeNode } from "./nodes.js";
import { OwnerChooser, ownerForm } from "./owner.js";
import { word } from "./words.js";
import { showMemory } from "./memory.js";

const PAUSE_MS = 250; // typing pauses this long before it is a question
const PAGE = 30;

export class MemoryList {
  constructor(caller) {
    this.chooser = new OwnerChooser(ownerForm("memories"), caller, { onchange: () => this.show() });
    const form = byId("search");
    form.oninput = () => this.later();
    form.onreset = () => this.later();
    form.onsubmit = (event) => {
      event.preventDefault();
      this.show();
    };
    byId("more").onclick = (event) => attempt(() => this.next(), event.currentTarget);
    byId("add").onclick = () => this.openAdd();
    byId("clear").onclick = () => this.openClear();
  }

  later() {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.show(), PAUSE_MS);
  }

  /** Show the first page of what is asked for now. What was asked before is given up. */
  async show() {
    clearTimeout(this.pause);
    this.asked?.abort();
    this.asked = new AbortController();
    this.cursor = null;
    this.owner = this.chooser.owner;
    const named = this.owner !== null;
    for (const id of ["add", "clear"]) byId(id).disabled = !named;
    if (!named) return this.empty(word("nobody"));
    this.wanted = this.question();
    const { signal } = this.asked;
    const answered = await attempt(() => this.next(true));
    // Refused: nobody's memories are left standing under another's name.
    if (answered === undefined && !signal.aborted) this.empty("");
  }

  empty(said) {
    byId("list").replaceChildren();
    byId("more").hidden = true;
    byId("found").textContent = said;
  }

  question() {
    const given = filled(byId("search"));
    if (given.archived) given.archived = true;
    // A day is meant from its beginning to its end, by the reader's own clock.
    if (given.since) given.since = new Date(`${given.since}T00:00`).toISOString();
    if (given.until) {
      const end = new Date(`${given.until}T00:00`);
      end.setDate(end.getDate() + 1);
      given.until = end.toISOString();
    }
    // Of an agent's own memories, the agent is whose they are.
    return { ...given, ...this.owner, limit: PAGE };
  }

  async next(first = false) {
    const { signal } = this.asked;
    const body = { ...this.wanted, ...(this.cursor ? { cursor: this.cursor } : {}) };
    const page = await ask("POST", "memories/search", { body, signal });
    if (signal.aborted) return null;
    const cards = page.memories.map((memory) => this.card(memory));
    const list = byId("list");
    if (first) list.replaceChildren(...cards);
    else list.append(...cards);
    if (!first) cards[0]?.querySelector("button").focus();
    this.cursor = page.next_cursor;
    byId("more").hidden = !this.cursor;
    const total = list.children.length;
    const asked = Object.keys(filled(byId("search"))).length > 0;
    byId("found").textContent = total ? word("shown", number(total)) : word(asked ? "noneFound" : "none");
    return page;
  }

  card(memory) {
    const open = () => showMemory(memory, this.owner, { onchanged: () => this.show() });
    return node("li", { class: "card" },
      node("button", { type: "button", class: "plain", onclick: open }, memory.text),
      node("p", { class: "about" }, timeNode(memory.occurred_at), ...tags(memory)));
  }

  openAdd() {
    const text = node("textarea", { id: "new-text", rows: 4, maxlength: 16000, required: true });
    const save = node("button", { class: "main" }, word("save"));
    const form = node("form", {}, node("label", { for: "new-text" }, word("text")), text, node("div", { class: "row" }, node("span"), save));
    const dialog = openDialog(word("add"), form);
    form.onsubmit = (event) => {
      event.preventDefault();
      attempt(async () => {
        await ask("POST", "memories", { body: { ...this.owner, text: text.value } });
        dialog.close();
        notify(word("added"));
        await this.show();
      }, save);
    };
    text.focus();
  }

  openClear() {
    const session = this.owner.user_id ? filled(byId("search")).session_id : undefined;
    const name = session ?? this.owner.user_id ?? this.owner.agent_id;
    openTyped(word("clearAll"), word(session ? "clearSessionHelp" : "clearHelp", name), name, [], async () => {
      const query = { ...this.owner, ...(session ? { session_id: session } : {}) };
      const gone = await ask("DELETE", "memories", { query });
      notify(word(gone.pending ? "pending" : "cleared", number(gone.removed)));
      await this.show();
    });
  }
}

/** The small print of a memory. */
export function tags(memory) {
  const shown = [word(`kind_${memory.kind}`), word(`scope_${memory.scope}`)];
  if (memory.archived) shown.push(word("archived"));
  if (memory.topic && memory.topic !== "other") shown.push(memory.topic);
  const found = shown.map((each) => node("span", { class: "tag" }, each));
  if (memory.session_id) found.push(node("span", {}, `${word("session")} ${memory.session_id}`));
  if (memory.score !== null && memory.score !== undefined) found.push(node("span", {}, `${word("relevance")} ${number(memory.score, 2)}`));
  return found;
}
