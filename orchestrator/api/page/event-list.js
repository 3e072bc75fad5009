// Lists the history of a command: each way it went, when, by whom, and what was said.

import { api } from "./api.js";
import { make, refill } from "./dom.js";
import { STATUSES, clock } from "./words.js";

/** The history of one command; loads what is new, and older pages on demand. */
export class EventList {
  #items = [];
  #cursor = null;
  #revision = -1;
  #rows = make("ol", { class: "events" });
  #more = make("button", { class: "button", type: "button", hidden: true }, "More");
  element = make("div", {}, this.#rows, this.#more);

  constructor() {
    this.#more.addEventListener("click", () => this.#loadMore());
  }

  forget() {
    this.#revision = -1;
  }

  /** What is loaded of it. */
  get items() {
    return this.#items;
  }

  async load(command) {
    if (command.revision === this.#revision) return;
    const page = await api.events(command.id);
    this.id = command.id;
    this.#revision = command.revision;
    this.#items = page.items;
    this.#cursor = page.next_cursor;
    this.#draw();
  }

  async #loadMore() {
    const page = await api.events(this.id, this.#cursor);
    this.#items = [...this.#items, ...page.items];
    this.#cursor = page.items.length ? page.next_cursor : null;
    this.#draw();
  }

  #draw() {
    this.#more.hidden = !this.#cursor;
    refill(this.#rows, this.#items.length ? this.#items.map((one) => row(one)) : make("li", { class: "muted" }, "Nothing has happened yet."));
  }
}

function row(event) {
  const words = event.path.map((status) => STATUSES[status]?.word ?? status);
  const moved = words.length > 1 ? words.join(" → ") : `${words[0] ?? ""} (news)`;
  const by = [event.causes?.join(", "), event.worker, event.attempt ? `claim ${event.attempt}` : null].filter(Boolean).join(" · ");
  return make(
    "li",
    {},
    make("time", { datetime: event.at, title: event.at }, clock(event.at)),
    make("div", {}, make("strong", { "data-tone": STATUSES[event.status]?.tone }, moved), make("span", { class: "muted" }, ` ${by}`), event.message && make("p", {}, event.message)),
  );
}
