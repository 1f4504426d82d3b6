// A question as an agent asks it: the block that goes into the prompt, and why.
import { ask, filled } from "./door.js";
import { attempt, byId, node, number } from "./nodes.js";
import { OwnerChooser, ownerForm } from "./owner.js";
import { word } from "./words.js";

export class Playground {
  constructor(caller) {
    const onchange = () => byId("ask").requestSubmit();
    this.chooser = new OwnerChooser(ownerForm("playground"), caller, { agents: false, onchange });
    byId("ask").onsubmit = (event) => {
      event.preventDefault();
      attempt(() => this.ask(), event.submitter);
    };
  }

  async ask() {
    const owner = this.chooser.owner;
    if (!owner) {
      byId("answered").textContent = word("nobody");
      return;
    }
    const { limit, token_budget: budget, ...asked } = filled(byId("ask"));
    const body = { ...asked, ...owner, explain: true, limit: Number(limit || 12), token_budget: Number(budget || 1500) };
    const context = await ask("POST", "context", { body });
    this.show(context);
  }

  show(context) {
    const said = [word("answered", number(context.memories.length), number(context.timings_ms?.total, 1))];
    if (context.degraded.length) said.push(word("degraded", context.degraded.join(", ")));
    byId("answered").textContent = said.join(" · ");
    byId("block").hidden = false;
    byId("block").textContent = context.text || word("empty");
    byId("why").hidden = !context.explanations.length;
    byId("why").replaceChildren(table(context.explanations));
  }
}

function table(explanations) {
  const heads = ["rank", "memory", "score", "relevance", "signals", "leftOut"];
  const rows = explanations.map((each, place) =>
    node("tr", { class: each.left_out ? "out" : null },
      node("td", { class: "number" }, number(place + 1)),
      node("td", { class: "text" }, each.memory.text),
      node("td", { class: "number" }, number(each.score, 3)),
      node("td", { class: "number" }, number(each.relevance, 2)),
      node("td", {}, signals(each.signals)),
      node("td", {}, each.left_out ?? "")));
  return node("table", {},
    node("caption", {}, word("why")),
    node("thead", {}, node("tr", {}, heads.map((head) => node("th", { scope: "col" }, word(head))))),
    node("tbody", {}, rows));
}

const signals = (given) =>
  Object.entries(given)
    .filter(([, value]) => Math.abs(value) >= 0.0005)
    .map(([name, value]) => `${name} ${number(value, 3)}`)
    .join(", ");
