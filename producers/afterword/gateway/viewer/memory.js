// One memory: what is known of it, the words it was learned from, and what goes with it.
import { ask } from "./door.js";
import { attempt, node, notify, number, openDialog, pairs, timeNode } from "./nodes.js";
import { word } from "./words.js";

/** Open a memory of this owner; `onchanged` is called when it was corrected or deleted. */
export async function showMemory(memory, owner, { onchanged }) {
  const from = node("div", {}, node("h3", {}, word("comesFrom")));
  const related = node("div", {}, node("h3", {}, word("related")));
  const versions = node("div", {});
  openDialog(word("memory"),
    node("p", { class: "text" }, memory.text), facts(memory), versions, from, related, actions(memory, owner, onchanged));
  await attempt(() => Promise.all([
    fillSource(from, memory, owner),
    fillRelated(related, memory, owner, onchanged),
    memory.updated_at ? fillVersions(versions, memory, owner) : null,
  ]));
}

function facts(memory) {
  const metadata = Object.entries(memory.metadata ?? {});
  return pairs("facts", [
    ["kind", word(`kind_${memory.kind}`)],
    ["scope", word(`scope_${memory.scope}`)],
    ["said", timeNode(memory.occurred_at)],
    ["stored", memory.created_at && timeNode(memory.created_at)],
    ["correctedAt", memory.updated_at && timeNode(memory.updated_at)],
    ["role", memory.role],
    ["topic", memory.topic],
    ["language", memory.language],
    ["importance", memory.importance === null || memory.importance === undefined ? null : number(memory.importance, 2)],
    ["agent", memory.agent_id],
    ["session", memory.session_id],
    ["event", memory.source?.event_id],
    ["turn", memory.source?.message === null || memory.source?.message === undefined ? null : number(memory.source.message + 1)],
    // Not our words: somebody's "agent" is not the agent above.
    ...metadata.map(([name, value]) => [node("code", {}, name), String(value)]),
  ]);
}

async function fillSource(place, memory, owner) {
  const found = await ask("GET", `memories/${encodeURIComponent(memory.id)}/provenance`, { query: owner });
  place.append(pairs("facts", [
    ["byWhom", found.by],
    ["model", found.model],
    ["prompt", found.prompt_version],
    ["batch", found.batch_id],
  ]));
  if (memory.kind === "note") return place.append(node("p", {}, word("byHand")));
  if (!found.turns.length) return place.append(node("p", {}, word("noSource")));
  return place.append(...found.turns.map(said));
}

function said(turn) {
  return node("blockquote", { class: turn.is_source ? "said this" : "said" }, node("b", {}, turn.role), turn.text);
}

async function fillRelated(place, memory, owner, onchanged) {
  const found = await ask("GET", `memories/${encodeURIComponent(memory.id)}/related`, { query: { ...owner, limit: 5 } });
  if (!found.related.length) return place.append(node("p", {}, "–"));
  const lines = found.related.map(({ memory: other, relation }) =>
    node("li", { class: "card" },
      node("button", { type: "button", class: "plain", onclick: () => showMemory(other, owner, { onchanged }) }, other.text),
      node("p", { class: "about" }, node("span", { class: "tag" }, word(relation)), timeNode(other.occurred_at))));
  return place.append(node("ul", { class: "cards" }, lines));
}

/** The texts that it had before the one that is shown, newest first. */
async function fillVersions(place, memory, owner) {
  const found = await ask("GET", `memories/${encodeURIComponent(memory.id)}/history`, { query: owner });
  const earlier = found.versions.slice(1).map((version) =>
    node("li", { class: "card" }, node("p", { class: "text" }, version.text), node("p", { class: "about" }, timeNode(version.since))));
  if (earlier.length) place.append(node("h3", {}, word("versions")), node("ul", { class: "cards", id: "versions" }, earlier));
}

/** The buttons of a memory. An excerpt is what somebody said, and cannot be edited. */
function actions(memory, owner, onchanged) {
  const row = node("div", { class: "row" });
  const edit = node("button", { type: "button", onclick: () => openEdit(memory, owner, onchanged) }, word("edit"));
  const restore = node("button", { type: "button" }, word("restore"));
  restore.onclick = () => attempt(async () => {
    await ask("POST", `memories/${encodeURIComponent(memory.id)}/restore`, { query: owner });
    row.closest("dialog").close();
    notify(word("restored"));
    onchanged();
  }, restore);
  const remove = node("button", { type: "button", class: "danger" }, word("remove"));
  const begin = () =>
    row.replaceChildren(node("span"), ...(memory.archived ? [restore] : []), ...(memory.kind === "excerpt" ? [] : [edit]), remove);
  remove.onclick = () => askRemoval(row, memory, owner, { onchanged, begin });
  begin();
  return row;
}

function openEdit(memory, owner, onchanged) {
  const text = node("textarea", { id: "edited", rows: 4, maxlength: 16000, required: true });
  text.value = memory.text;
  const back = () => showMemory(memory, owner, { onchanged });
  const cancel = node("button", { type: "button", onclick: back }, word("cancel"));
  const save = node("button", { class: "main" }, word("save"));
  const form = node("form", {},
    node("label", { for: "edited" }, word("text")), text, node("div", { class: "row" }, node("span"), cancel, save));
  openDialog(word("edit"), form);
  form.onsubmit = (event) => {
    event.preventDefault();
    attempt(async () => {
      const path = `memories/${encodeURIComponent(memory.id)}`;
      const corrected = await ask("PATCH", path, { body: { ...owner, text: text.value } });
      notify(word("corrected"));
      onchanged();
      await showMemory(corrected, owner, { onchanged });
    }, save);
  };
  text.focus();
}

function askRemoval(row, memory, owner, { onchanged, begin }) {
  const sure = node("button", { type: "button", class: "danger" }, word("remove"));
  const cancel = node("button", { type: "button", onclick: begin }, word("cancel"));
  const source = node("input", { type: "checkbox", id: "with-source" });
  const asked = memory.kind === "fact" && owner.user_id
    ? node("span", {}, word("removeHelp"), node("label", { class: "check" }, source, word("withSource")))
    : node("span", {}, word("removeHelp"));
  sure.onclick = () => attempt(async () => {
    const query = { ...owner, ...(source.checked ? { with_source: "true" } : {}) };
    const gone = await ask("DELETE", `memories/${encodeURIComponent(memory.id)}`, { query });
    row.closest("dialog").close();
    notify(word(gone.pending ? "removing" : "removed"));
    onchanged();
  }, sure);
  row.replaceChildren(asked, cancel, sure);
  cancel.focus();
}
