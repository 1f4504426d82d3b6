// What a person may ask for: a copy of everything, to bring things in, not to be remembered, to be erased.
import { ask, reach } from "./door.js";
import { attempt, byId, download, node, notify, number, openDialog, openTyped, pairs, table, timeNode } from "./nodes.js";
import { OwnerChooser, ownerForm } from "./owner.js";
import { parts, things } from "./things.js";
import { told, word } from "./words.js";

const LOOK_MS = 1000; // between two looks at an erasure
const SHOWN = 20; // refused lines

export class Person {
  constructor(caller, { onchanged }) {
    this.caller = caller;
    this.onchanged = onchanged;
    const onchange = () => this.show();
    this.chooser = new OwnerChooser(ownerForm("person"), caller, { agents: false, shows: true, onchange });
    byId("objects").onchange = (event) => attempt(() => this.object(event.target.checked), event.target);
    byId("export").onclick = (event) => attempt(() => this.export(), event.currentTarget);
    byId("erase").onclick = () => this.openErase();
    byId("bring").onsubmit = (event) => {
      event.preventDefault();
      attempt(() => this.bring(byId("file").files[0]), event.submitter);
    };
  }

  get path() {
    return `users/${encodeURIComponent(this.user)}`;
  }

  async show() {
    this.user = this.chooser.owner?.user_id;
    byId("rights").hidden = true;
    byId("wish").textContent = this.user ? "" : word("nobody");
    byId("imported").textContent = "";
    byId("refused").replaceChildren();
    if (!this.user) return;
    // An agent speaks for its users, and erases none of them.
    byId("erasing").hidden = !this.caller.roles.includes("admin") && this.user !== this.caller.user_id;
    const user = this.user;
    const wishes = await attempt(() => ask("GET", this.path));
    // Another user may have been chosen meanwhile.
    if (wishes && user === this.user) this.showWishes(wishes);
  }

  showWishes(wishes) {
    byId("objects").checked = !wishes.memory_enabled;
    byId("wish").textContent = word(wishes.memory_enabled ? "remembered" : "notRemembered", this.user);
    byId("rights").hidden = false;
  }

  async object(objects) {
    try {
      this.showWishes(await ask("PUT", this.path, { body: { memory_enabled: !objects } }));
    } catch (error) {
      byId("objects").checked = !objects;
      throw error;
    }
  }

  async export() {
    const response = await reach("GET", `${this.path}/export`);
    const lines = await response.text();
    // It may break off after it has begun.
    if (!lines.trimEnd().endsWith('{"type":"end"}')) throw new Error(word("cutOff"));
    download(`${this.user}.jsonl`, [lines], "application/x-ndjson");
  }

  async bring(file) {
    const found = things(await file.text());
    const total = { added: 0, known: 0, published: 0, left_out: 0 };
    const refused = [];
    const bar = byId("brought");
    bar.max = found.length;
    bar.value = 0;
    bar.hidden = false;
    try {
      for (const part of parts(found)) {
        const report = await ask("POST", `${this.path}/import`, { lines: part.map((each) => each.line).join("\n") });
        for (const name of Object.keys(total)) total[name] += report[name];
        refused.push(...report.refused.map((each) => ({ ...each, line: part[each.line - 1].number })));
        bar.value += part.length;
        this.tellImported(total, refused);
      }
    } finally {
      bar.hidden = true;
      this.onchanged();
    }
  }

  tellImported({ added, known, published, left_out: leftOut }, refused) {
    const said = [word("broughtIn", number(added), number(known), number(published))];
    if (leftOut) said.push(word("leftOutOfChats", number(leftOut)));
    if (refused.length) said.push(word("refused", number(refused.length)));
    byId("imported").textContent = said.join(" · ");
    const lines = refused.slice(0, SHOWN).map((each) => node("li", {}, word("line", number(each.line)), ` ${each.field ?? ""} ${each.detail}`));
    byId("refused").replaceChildren(...lines);
  }

  openErase() {
    const keep = node("input", { type: "checkbox", id: "keep-learned" });
    const fields = node("p", {}, node("label", { class: "check" }, keep, word("keepLearned")));
    openTyped(word("erase"), word("eraseConfirm", this.user), this.user, fields, async () => {
      const query = keep.checked ? { keep_learned: "true" } : {};
      const state = await ask("POST", `${this.path}/erasure`, { query });
      this.onchanged();
      this.follow(state);
    });
  }

  /** Tell how far an erasure is, until its receipt is there. */
  async follow(state) {
    try {
      while (!state.receipt) {
        byId("receipt").textContent = word("beingErased", state.step);
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        state = await ask("GET", `erasures/${state.erasure_id}`);
      }
      byId("receipt").replaceChildren(...receiptOf(state.receipt));
      byId("receipt").scrollIntoView();
    } catch (error) {
      // A key that is bound to the person goes with them: whoever runs this has the receipt.
      if (error.status === 401) openDialog(word("erase"), node("p", {}, word("erasedSelf", state.erasure_id)));
      else notify(told(error), true);
    }
  }
}

function receiptOf(receipt) {
  const rows = Object.entries(receipt.removed).flatMap(([step, counts]) =>
    Object.entries(counts).map(([what, count]) => [step, what.replaceAll("_", " "), count]));
  const name = `erasure-${receipt.erasure_id}.json`;
  const save = () => download(name, [JSON.stringify(receipt, null, 2)], "application/json");
  return [
    node("h3", {}, word("receipt")),
    node("p", {}, word(receipt.residue.clean ? "nothingLeft" : "somethingLeft")),
    pairs("facts", [
      ["id", receipt.erasure_id],
      ["askedAt", timeNode(receipt.requested_at)],
      ["doneAt", timeNode(receipt.finished_at)],
      ["byWhom", receipt.asked_by],
    ]),
    node("div", { class: "wide" }, table(["step", "what", "count"], rows)),
    node("p", {}, node("button", { type: "button", onclick: save }, word("downloadReceipt"))),
  ];
}
