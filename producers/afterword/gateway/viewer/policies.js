// For administrators: the policies as they are written, what is in force, and what would go now.
import { ask } from "./door.js";
import { attempt, byId, node, notify, table } from "./nodes.js";
import { word } from "./words.js";

// Saving replaces the whole policy: a rule without a field here would be lost.
const RULES = ["keep_days", "transcript_days", "audit_days", "max_memories", "quota_memories", "quota_bytes", "archive_after_days", "archive_below", "limits"];
// Rules with a number for each of several names.
const NAMED = { keep_days: "all=365", limits: "contexts.user.minute=60" };
const PAGE = 200;

export class Policies {
  constructor() {
    this.of = byId("policy-of");
    this.of.onsubmit = (event) => {
      event.preventDefault();
      this.show();
    };
    // What is shown is always that of whom is named.
    this.of.onchange = () => this.show();
    byId("policy").onsubmit = (event) => {
      event.preventDefault();
      attempt(() => this.save(), event.submitter);
    };
    byId("forecast").onclick = (event) => attempt(() => this.forecast(), event.currentTarget);
  }

  get path() {
    const { kind, owner } = this.of;
    return kind.value === "tenant" ? "policies/tenant" : `policies/${kind.value}/${encodeURIComponent(owner.value)}`;
  }

  async show() {
    // The tenant has no id to be typed.
    this.of.owner.disabled = this.of.kind.value === "tenant";
    byId("counts").hidden = true;
    byId("policy").replaceChildren();
    // Saved is what is shown, also while another one is on its way.
    const path = (this.shown = this.path);
    // Only the answer to the last question is shown: a late one would replace what is being typed.
    const asking = (this.asking = Symbol(path));
    const named = this.of.kind.value === "tenant" || this.of.owner.value;
    await attempt(async () => {
      const asked = [ask("GET", "policies", { query: { limit: PAGE } }), ...(named ? [ask("GET", path)] : [])];
      const [page, policy] = await Promise.all(asked);
      if (asking !== this.asking) return;
      if (policy) this.fill(policy);
      byId("written").replaceChildren(...page.policies.map((each) => this.card(each)));
    });
  }

  fill({ rules, force }) {
    const fields = RULES.map((rule) => {
      const kind = NAMED[rule] ? { placeholder: NAMED[rule] } : { type: "number", min: 0, step: "any" };
      const input = node("input", { name: rule, value: written(rules[rule]), "aria-describedby": `force-${rule}`, ...kind });
      const note = node("small", { id: `force-${rule}` }, word("inForce", written(force[rule]) || "–"));
      return node("div", {}, node("label", {}, word(rule), input), note);
    });
    byId("policy").replaceChildren(...fields, node("button", { class: "main" }, word("save")));
  }

  async save() {
    const given = [...new FormData(byId("policy"))].filter(([, value]) => value.trim());
    const rules = Object.fromEntries(given.map(([name, value]) => [name, NAMED[name] ? numbers(value) : Number(value)]));
    await ask("PUT", this.shown, { body: rules });
    notify(word("savedPolicy"));
    await this.show();
  }

  card({ user_id: user, agent_id: agent, rules }) {
    const open = () => {
      this.of.kind.value = user ? "users" : agent ? "agents" : "tenant";
      this.of.owner.value = user ?? agent ?? "";
      this.show();
    };
    const told = RULES.filter((rule) => written(rules[rule])).map((rule) => `${word(rule)}: ${written(rules[rule])}`);
    const whose = user ? `${word("user")} ${user}` : agent ? `${word("agent")} ${agent}` : word("ofTenant");
    return node("li", { class: "card" }, node("button", { type: "button", class: "plain", onclick: open }, whose), node("p", { class: "about" }, told.join(" · ")));
  }

  async forecast() {
    const run = await ask("POST", "policies/run", { body: { dry_run: true } });
    const rows = run.counts.map((each) => [word(`effect_${each.effect}`), each.scope ? word(`scope_${each.scope}`) : "", each.kind ? word(`kind_${each.kind}`) : "", each.count]);
    byId("counts").hidden = false;
    byId("counts").replaceChildren(rows.length ? table(["effect", "scope", "kind", "count"], rows, word("forecast")) : node("p", {}, word("nothingGoes")));
  }
}

/** A rule as it is typed: a number, or names with a number each. */
function written(rule) {
  if (rule === null || rule === undefined) return "";
  return typeof rule === "object" ? Object.entries(rule).map(([name, value]) => `${name}=${value}`).join(" ") : String(rule);
}

const numbers = (text) =>
  Object.fromEntries(text.split(/[\s,]+/).filter(Boolean).map((each) => [each.split("=")[0], Number(each.split("=")[1] || NaN)]));
