// The locks that commands hold, and those they wait for.

import { api } from "./api.js";
import { fill, make, refill } from "./dom.js";
import { table } from "./table.js";
import { clock, shortened } from "./words.js";

const MOST_NAMED = 40;

export class LocksView {
  tab = "locks";
  #named = new Map(); // commands by id, kept for their labels, which never change
  title = "Locks · Orchestrator";
  #content = make("div", { class: "card" });
  element = make("section", { class: "plain" }, make("h1", {}, "Locks"), this.#content);

  async refresh() {
    const { items } = await api.locks();
    const ids = [...new Set(items.map((one) => one.command_id))].slice(0, MOST_NAMED);
    const commands = await Promise.all(ids.map((id) => this.#named.get(id) ?? api.command(id)));
    this.#named = new Map(commands.map((one) => [one.id, one]));
    refill(this.#content, items.length ? drawLocks(items, this.#named) : noLocks());
  }

  fail(problem) {
    fill(this.#content, make("div", { class: "empty" }, make("h2", {}, "This could not be shown"), make("p", { class: "muted" }, problem.message)));
  }
}

function drawLocks(locks, named) {
  const rows = locks.map((one) => [
    make("strong", { title: one.entity }, shortened(one.entity)),
    one.mode,
    make("span", { class: "status", "data-tone": one.held ? "busy" : "warn" }, make("span", { class: "sign", "aria-hidden": "true" }, one.held ? "●" : "◫"), one.held ? "Held" : "Waited for"),
    make("a", { href: `/commands/${one.command_id}` }, shortened(named.get(one.command_id)?.label) || one.command_id.slice(0, 8)),
    clock(one.since),
  ]);
  return table(["Entity", "Mode", "State", "Command", "Since"], rows, "Locks");
}

function noLocks() {
  return make("div", { class: "empty" }, make("h2", {}, "No locks"), make("p", { class: "muted" }, "No command holds or wants one."));
}
