// Whose memories are looked at: the caller's own, or those that an agent's owner or an administrator names.
import { node, byId } from "./nodes.js";
import { word } from "./words.js";

/** A chooser in `form`; `onchange` is called when another owner was chosen. */
export class OwnerChooser {
  constructor(form, caller, { agents = true, shows = agents, onchange = () => {} } = {}) {
    this.caller = caller;
    this.form = form;
    this.mayNameUsers = caller.roles.some((role) => role !== "user");
    this.agents = agents;
    this.shows = shows;
    form.replaceChildren(...this.fields());
    form.hidden = !this.mayNameUsers && !agents; // a person asks for themselves
    // Set, not added: the chooser is made anew when the language changes.
    form.onsubmit = (event) => {
      event.preventDefault();
      onchange();
    };
    this.kind.onchange = () => this.suggest();
    this.guard();
  }

  fields() {
    const prefix = this.form.dataset.owner;
    const kinds = [node("option", { value: "user" }, word("ofUser"))];
    if (this.agents) kinds.push(node("option", { value: "agent" }, word("ofAgent")));
    this.kind = node("select", { id: `${prefix}-kind` }, kinds);
    this.id = node("input", { id: `${prefix}-id`, autocomplete: "off", maxlength: 256, value: this.caller.user_id ?? "" });
    return [
      node("div", { class: "fields" },
        node("label", { for: `${prefix}-kind` }, word("whose"), this.kind),
        node("label", { for: `${prefix}-id` }, word("id"), this.id),
        // A list is shown; a question has a button of its own.
        this.shows && node("button", {}, word("show"))),
    ];
  }

  suggest() {
    // A person has one id of their own; an agent's has to be named.
    this.id.value = this.kind.value === "user" ? (this.caller.user_id ?? "") : "";
    this.guard();
    this.id.focus();
  }

  guard() {
    // The gateway refuses other users' ids all the same: this only spares a person the error.
    this.id.readOnly = !this.mayNameUsers && this.kind.value === "user";
  }

  /** Look at this user. */
  choose(userId) {
    this.kind.value = "user";
    this.id.value = this.chosen = userId;
  }

  /** {user_id} or {agent_id}; null while none is named. */
  get owner() {
    // An id that was chosen is taken as it is: "ann " is another user than "ann".
    const id = this.id.value === this.chosen ? this.chosen : this.id.value.trim();
    return id ? { [`${this.kind.value}_id`]: id } : null;
  }
}

export const ownerForm = (name) => byId("content").querySelector(`[data-owner="${name}"]`);
