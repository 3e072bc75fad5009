// Draws one row of the list of commands and keeps it up to date.

import { verbButtons } from "./verbs.js";
import { make, setAttribute, setText } from "./dom.js";
import { ProgressBar, StatusMark } from "./status-mark.js";
import { clock, duration, elapsed, hasEnded, shortened } from "./words.js";

// In these statuses the message is why one looks.
const TELLING = new Set(["failed", "needs_attention", "delayed", "blocked"]);
const cell = (name, ...children) => make("div", { class: `cell ${name}`, role: "gridcell" }, ...children);

/** One row; `on` has toggle(command), pick(command, isPicked) and order(verb, command). */
export class CommandRow {
  #pick = make("input", { type: "checkbox", tabindex: "-1" });
  #twist = make("button", { class: "twist", type: "button", tabindex: "-1" }, "▸");
  #link = make("a", { class: "label", tabindex: "-1" });
  #about = make("span", { class: "about" });
  #status = new StatusMark();
  #progress = new ProgressBar();
  #owner = cell("owner");
  #worker = cell("worker");
  #started = cell("started");
  #duration = cell("duration");
  #buttons;
  #command = null;

  constructor(on) {
    this.#twist.addEventListener("click", () => on.toggle(this.#command));
    this.#pick.addEventListener("change", () => on.pick(this.#command, this.#pick.checked));
    this.#buttons = verbButtons((verb) => on.order(verb, this.#command));
    this.element = make(
      "div",
      { class: "row", role: "row", tabindex: "-1" },
      cell("pick", this.#pick),
      cell("name", this.#twist, this.#link, this.#about),
      cell("state", this.#status.element),
      cell("done", this.#progress.element),
      this.#owner,
      this.#worker,
      this.#started,
      this.#duration,
      cell("actions", this.#buttons.element),
    );
    this.element.rowView = this;
  }

  show({ command, depth, isOpen, place, siblings }, isPicked) {
    this.#command = command;
    const row = this.element;
    row.style.setProperty("--depth", depth);
    setAttribute(row, "data-id", command.id);
    setAttribute(row, "data-root", depth === 0);
    setAttribute(row, "data-open", isOpen);
    setAttribute(row, "aria-level", depth + 1);
    setAttribute(row, "aria-posinset", place);
    setAttribute(row, "aria-setsize", siblings);
    setAttribute(row, "aria-expanded", command.parts ? String(isOpen) : null);
    this.#showName(command, isOpen);
    this.#status.show(command);
    this.#progress.show(command);
    setText(this.#owner, depth === 0 ? (command.owner ?? "") : "");
    setText(this.#worker, hasEnded(command) && depth === 0 ? "" : (command.worker ?? ""));
    setAttribute(this.#worker, "title", command.worker);
    setText(this.#started, command.start_time ? clock(command.start_time) : "");
    setAttribute(row, "data-stuck", depth === 0 && command.stuck > 0);
    this.#buttons.show(command);
    this.#showPick(command, isPicked);
    this.tick();
  }

  /** Moves the duration on. */
  tick() {
    setText(this.#duration, duration(elapsed(this.#command)));
  }

  #showName(command, isOpen) {
    this.#twist.hidden = !command.parts;
    setAttribute(this.#twist, "aria-label", `${isOpen ? "Close" : "Open"} the parts of ${command.label}`);
    setText(this.#link, shortened(command.label));
    setAttribute(this.#link, "title", command.label);
    setAttribute(this.#link, "href", `/commands/${command.id}`);
    setText(this.#about, about(command));
    setAttribute(this.#about, "title", command.stuck_part?.message ?? command.message);
  }

  #showPick(command, isPicked) {
    this.#pick.checked = isPicked;
    this.#pick.hidden = !command.actions.length && !isPicked;
    setAttribute(this.#pick, "aria-label", `Choose ${command.label}`);
  }
}

function about(command) {
  const stuck = command.stuck_part;
  if (stuck && stuck.id !== command.id) return `▲ ${shortened(stuck.label)}: ${shortened(stuck.message ?? "nobody can say how it came out")}`;
  const facts = [];
  if (command.parts) facts.push(`${command.mode === "parallel" ? "∥" : "→"} ${command.parts}`);
  if (command.parent_id === null && command.entity && !command.label.includes(command.entity.split(":").pop())) {
    facts.push(shortened(command.entity));
  }
  if (command.best_effort) facts.push("best effort");
  if (command.tries > 1 && !hasEnded(command)) facts.push(`try ${command.tries}`);
  if (TELLING.has(command.status) && command.message) facts.push(shortened(command.message));
  return facts.join(" · ");
}
