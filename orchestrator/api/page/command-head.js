// The head of a command's page: the trail to it, its title, status and verbs, and the line of facts.

import { fill, make, refill, setAttribute, setText } from "./dom.js";
import { ProgressBar, StatusMark } from "./status-mark.js";
import { verbButtons } from "./verbs.js";
import { clock, count, duration, elapsed, hasEnded, shortened } from "./words.js";

/** The head; calls `onOrder(verb, command)` and `notify(text)`. */
export class CommandHead {
  #notify;
  #trail = make("nav", { class: "trail", "aria-label": "Where this is" });
  #title = make("h1");
  #status = new StatusMark();
  #progress = new ProgressBar();
  #buttons;
  #facts = make("dl", { class: "facts" });
  #ran = make("dd");
  #tree = null;

  constructor({ onOrder, notify }) {
    this.#notify = notify;
    this.#buttons = verbButtons((verb) => onOrder(verb, this.#tree), { all: true });
    this.#status.element.classList.add("badge");
    this.element = make(
      "header",
      { class: "command-head" },
      this.#trail,
      make("div", { class: "title-line" }, this.#title, this.#status.element, this.#progress.element, this.#buttons.element),
      this.#facts,
    );
  }

  show(tree, detail, trail) {
    this.#tree = tree;
    this.#showTrail(tree, trail);
    setText(this.#title, shortened(tree.label));
    setAttribute(this.#title, "title", tree.label);
    this.#status.show(tree);
    this.#progress.show(tree);
    this.#buttons.show(tree);
    this.#showFacts(tree, detail);
    this.tick();
  }

  tick() {
    const ran = this.#facts.querySelector(".ran");
    if (this.#tree && ran) setText(ran, duration(elapsed(this.#tree)));
  }

  #showTrail(tree, trail) {
    if (this.#trail.children.length) return; // where a command is never changes
    const links = trail.flatMap((one) => [make("a", { href: `/commands/${one.id}` }, shortened(one.label)), slash()]);
    const copy = make("button", { class: "link", type: "button", onclick: () => this.#copy(tree.id) }, "Copy id");
    fill(this.#trail, make("a", { href: "/" }, "Commands"), slash(), links, make("span", { class: "code" }, tree.short_id), copy);
  }

  async #copy(id) {
    try {
      await navigator.clipboard.writeText(id);
      this.#notify("The id is in the clipboard");
    } catch {
      this.#notify(id); // no clipboard over plain http: show it, to be copied by hand
    }
  }

  #showFacts(tree, detail) {
    const held = detail.locks.filter((lock) => lock.held);
    const facts = [
      ["Kind", `${tree.kind} v${tree.version}`],
      ["Owner", tree.owner],
      ["On", tree.entity && shortened(tree.entity)],
      tree.start_time ? ["Started", clock(tree.start_time)] : ["Submitted", clock(tree.created_at)],
      tree.start_time && [hasEnded(tree) ? "Ran for" : "Running for", this.#ran],
      ["Deadline", tree.deadline && clock(tree.deadline)],
      ["Correlation", tree.correlation_id],
      ["Locks", held.length && `${held.length} held`],
      ["Parts", detail.parts_by_status && partsText(detail.parts_by_status)],
    ];
    refill(this.#facts, facts.filter((one) => one && one[1]).map(([name, value]) => make("div", {}, make("dt", {}, name), value === this.#ran ? make("dd", { class: "ran" }) : make("dd", {}, value))));
  }
}

function partsText(byStatus) {
  const total = Object.values(byStatus).reduce((sum, one) => sum + one, 0);
  if (!total) return "";
  const ended = ["succeeded", "failed", "stopped", "skipped", "compensated"].reduce((sum, one) => sum + (byStatus[one] ?? 0), 0);
  return `${ended} of ${count(total, "part")} ended`;
}

function slash() {
  return make("span", { "aria-hidden": "true" }, "/");
}
