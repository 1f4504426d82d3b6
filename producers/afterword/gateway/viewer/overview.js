// For administrators: figures of the tenant, its growth as a picture, its users.
import { ask } from "./door.js";
import { attempt, byId, node, number, pairs } from "./nodes.js";
import { word } from "./words.js";

const WIDTH = 720;
const HEIGHT = 160;
const DAY_MS = 86_400_000;

export class Overview {
  constructor({ onuser }) {
    this.onuser = onuser;
    byId("days").onchange = () => this.show();
    byId("more-users").onclick = (event) => attempt(() => this.nextUsers(), event.currentTarget);
  }

  async show() {
    this.cursor = null;
    this.rows = node("tbody");
    const heads = ["user", "memories"].map((head) => node("th", { scope: "col" }, word(head)));
    byId("users").replaceChildren(node("table", {}, node("thead", {}, node("tr", {}, heads)), this.rows));
    await attempt(() => Promise.all([this.showFigures(), this.nextUsers()]));
  }

  async showFigures() {
    const days = Number(byId("days").value);
    const told = await ask("GET", "analytics/overview", { query: { days } });
    const { period, active_users: active } = told;
    const share = (value) => (value === null || value === undefined ? "–" : `${number(value * 100, 1)} %`);
    const figures = pairs("figures", [
      ["memories", number(told.memories)],
      ["users", number(told.users)],
      ["activeDay", number(active.day)],
      ["activeUsers", number(active.month)],
      ["growth", share(told.growth)],
      ["addedIn", number(period.added)],
      ["deletedIn", number(period.deleted)],
      ["searches", number(period.searches)],
      ["successRate", share(period.success_rate)],
      ["responseTime", period.average_seconds === null ? "–" : `${number(period.average_seconds * 1000, 1)} ms`],
    ]);
    byId("figures").replaceChildren(...figures.children);
    byId("growth").replaceChildren(...picture(told.daily ?? [], days, told.as_of));
  }

  async nextUsers() {
    const page = await ask("GET", "users", { query: { limit: 50, cursor: this.cursor } });
    for (const user of page.users) {
      const look = node("button", { type: "button", class: "plain", onclick: () => this.onuser(user.user_id) }, user.user_id);
      this.rows.append(node("tr", {}, node("td", {}, look), node("td", { class: "number" }, number(user.memories))));
    }
    this.cursor = page.next_cursor;
    byId("more-users").hidden = !this.cursor;
  }
}

/** A bar a day. Days on which nothing happened are not told by the gateway, and have no bar. */
function picture(daily, days, asOf) {
  const most = Math.max(0, ...daily.map((each) => each.added));
  if (!most) return [node("figcaption", {}, word("noDays"))];
  const last = Date.parse(asOf.slice(0, 10));
  const first = last - (days - 1) * DAY_MS;
  const step = WIDTH / days;
  const bars = daily.map((each) => {
    const height = (each.added / most) * (HEIGHT - 10);
    const left = ((Date.parse(each.day) - first) / DAY_MS) * step;
    return node("svg:rect", { class: "bar", x: left.toFixed(1), y: (HEIGHT - height).toFixed(1), width: Math.max(step - 2, 1).toFixed(1), height: height.toFixed(1) },
      node("svg:title", {}, `${each.day}: ${number(each.added)}`));
  });
  const date = (time) => new Date(time).toISOString().slice(0, 10);
  const caption = word("perDay", date(first), date(last), number(most));
  return [
    node("svg:svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 2}`, role: "img", "aria-label": caption },
      bars, node("svg:line", { class: "axis", x1: 0, y1: HEIGHT + 1, x2: WIDTH, y2: HEIGHT + 1 })),
    node("figcaption", {}, caption),
  ];
}
