// The page's start: signing in, the sections, the language.
import { ask, dropToken, keepToken, onSignedOut, token } from "./door.js";
import { attempt, byId, notify } from "./nodes.js";
import { MemoryList } from "./memories.js";
import { Overview } from "./overview.js";
import { Person } from "./person.js";
import { Playground } from "./playground.js";
import { Policies } from "./policies.js";
import { preferred, speak, told } from "./words.js";

const SECTIONS = ["memories", "playground", "person", "overview", "policies"];
const FOR_ADMINS = ["overview", "policies"];
const signIn = byId("sign-in");
let caller = null;
let list = null;
let shown = {}; // sections that are filled each time they are opened

function showSection() {
  if (!caller) return;
  const asked = location.hash.slice(1);
  const chosen = SECTIONS.includes(asked) && !byId(`${asked}-tab`)?.hidden ? asked : "memories";
  for (const name of SECTIONS) byId(name).hidden = name !== chosen;
  for (const tab of byId("tabs").children) {
    if (tab.hash === `#${chosen}`) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  shown[chosen]?.show();
}

function fill() {
  list = new MemoryList(caller);
  new Playground(caller);
  const onuser = (userId) => {
    list.chooser.choose(userId);
    location.hash = "memories";
    list.show();
  };
  shown = { overview: new Overview({ onuser }), person: new Person(caller, { onchanged: () => list.show() }), policies: new Policies() };
  list.show();
}

async function enter() {
  caller = await ask("GET", "me");
  signIn.hidden = true;
  byId("tabs").hidden = byId("sign-out").hidden = false;
  for (const name of FOR_ADMINS) byId(`${name}-tab`).hidden = !caller.roles.includes("admin");
  byId("caller").textContent = caller.account ?? caller.user_id ?? "";
  fill();
  showSection();
}

function leave() {
  dropToken();
  caller = null;
  for (const name of [...SECTIONS, "tabs", "sign-out"]) byId(name).hidden = true;
  byId("caller").textContent = "";
  for (const id of ["list", "receipt", "refused"]) byId(id).replaceChildren();
  byId("dialog").close();
  signIn.hidden = false;
  byId("token").focus();
}

signIn.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("token");
  keepToken(field.value.trim());
  attempt(async () => {
    await enter();
    field.value = "";
    byId("content").focus();
  }, event.submitter);
});
byId("sign-out").addEventListener("click", leave);
onSignedOut(leave);

byId("language").addEventListener("click", () => {
  speak(document.documentElement.lang === "zh" ? "en" : "zh");
  showLanguage();
  if (caller) fill();
  showSection();
});

function showLanguage() {
  const other = document.documentElement.lang === "zh" ? ["en", "English"] : ["zh", "中文"];
  byId("language").lang = other[0];
  byId("language").textContent = other[1];
}

speak(preferred());
showLanguage();
window.addEventListener("hashchange", showSection);
if (token()) {
  enter().catch((error) => {
    leave();
    notify(told(error), true);
  });
} else {
  signIn.hidden = false;
}
