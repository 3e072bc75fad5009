// Draws the steps of a command as bars over time.

import { now } from "./api.js";
import { make, setAttribute, setText } from "./dom.js";
import { HeatStrip } from "./heat.js";
import { anyStep, everyStep } from "./steps.js";
import { duration, elapsed, hasEnded, percent, shortened, statusNote, statusOf } from "./words.js";
import { WindowList } from "./window-list.js";

const LEAST_BAR_PERCENT = 0.6;
const OPEN_UP_TO_PARTS = 50;

const BAD = new Set(["failed", "needs_attention"]);
const UNDOING = new Set(["undo_parts", "compensate", "start_compensate"]);
const KEEPS = {
  all: () => true,
  open: (step) => !hasEnded(step),
  failed: (step) => BAD.has(step.status),
};

/** The steps; calls `onChoose(command)` when one is clicked. */
export class Timeline {
  #onChoose;
  #scale = make("span", { class: "muted" });
  #body = make("div", { class: "steps", role: "listbox", "aria-label": "Steps" });
  #left = make("p", { class: "steps-left muted", hidden: true });
  #list;
  #tree = null;
  #chosen = null;
  #span = { begin: 0, end: 1 };
  #toggled = new Set();
  #kept = "all";
  #heat = new HeatStrip((step) => this.#goTo(step));
  #next = make("button", { class: "button small", type: "button", hidden: true, onclick: () => this.#goToNextFailed() });
  #filters = new Map(
    [["open", "Hide finished"], ["failed", "Only failed"]].map(([name, text]) => [
      name,
      make("button", { class: "button small", type: "button", "aria-pressed": "false", onclick: () => this.#keep(name) }, text),
    ]),
  );

  constructor(onChoose) {
    this.#onChoose = onChoose;
    this.element = make("section", { class: "card timeline" }, make("div", { class: "card-head" }, make("h2", {}, "Steps"), make("span", { class: "steps-tools" }, this.#next, [...this.#filters.values()]), this.#scale), this.#heat.element, this.#body, this.#left);
    this.#list = new WindowList(this.#body, {
      key: (row) => row.step.id,
      create: () => this.#makeRow(),
      update: (element, row) => this.#updateRow(element, row),
    });
    this.#body.addEventListener("keydown", (event) => this.#press(event));
  }

  close() {
    this.#list.close();
  }

  /** Draws a tree and marks the chosen step; gives that step, or null when it is not there any more. */
  show(tree, chosenId) {
    this.#tree = tree;
    this.#chosen = chosenId;
    this.#measure();
    const rows = [];
    this.#addRows(rows, tree, 0);
    this.#list.show(rows);
    this.#heat.show([...everyStep(tree)].filter((step) => !step.parts));
    const failed = this.#failed().length;
    this.#next.hidden = !failed;
    setText(this.#next, `Next failed (${failed})`);
    this.#left.hidden = !tree.left;
    setText(this.#left, `${(tree.left ?? 0).toLocaleString("en")} more parts are not shown here.`);
    for (const step of everyStep(tree)) if (step.id === chosenId) return step;
    return null;
  }

  /** Marks another step; gives it, or null when it is not there. */
  choose(id) {
    return this.#tree && this.show(this.#tree, id);
  }

  /** Brings a step into sight, whatever is closed above it. */
  reveal(id) {
    const path = this.#pathTo(this.#tree, id);
    for (const step of path) if (!this.#isOpen(step, step === this.#tree ? 0 : 1)) this.#flip(step.id);
    if (path.length) this.show(this.#tree, id);
    const index = this.#list.items.findIndex((row) => row.step.id === id);
    return index < 0 ? null : this.#list.reveal(index);
  }

  tick() {
    if (!this.#tree || hasEnded(this.#tree)) return;
    this.#measure();
    this.#list.draw();
  }

  #measure() {
    const begin = Date.parse(this.#tree.start_time ?? this.#tree.created_at);
    const end = hasEnded(this.#tree) ? Date.parse(this.#tree.end_time ?? this.#tree.last_update_time) : now();
    this.#span = { begin, end: Math.max(end, begin + 1) };
    setText(this.#scale, `0 – ${duration(this.#span.end - begin)}`);
  }

  #addRows(rows, step, depth) {
    const isKept = KEEPS[this.#kept];
    const isFiltered = this.#kept !== "all";
    // A step that matches brings those above it, or nobody would know where it stands.
    if (isFiltered && depth > 0 && !anyStep(step, isKept)) return;
    const isOpen = isFiltered ? Boolean(step.parts) : this.#isOpen(step, depth);
    rows.push({ step, depth, isOpen });
    if (isOpen) for (const part of step.parts_list ?? []) this.#addRows(rows, part, depth + 1);
  }

  #isOpen(step, depth) {
    return Boolean(step.parts) && (depth === 0 || step.parts <= OPEN_UP_TO_PARTS) !== this.#toggled.has(step.id);
  }

  #pathTo(step, id) {
    if (step.id === id) return [];
    for (const part of step.parts_list ?? []) {
      if (part.id === id) return [step];
      const below = this.#pathTo(part, id);
      if (below.length) return [step, ...below];
    }
    return [];
  }

  #failed() {
    return [...everyStep(this.#tree)].filter((step) => BAD.has(step.status) && !(step.parts_list ?? []).some((part) => anyStep(part, KEEPS.failed)));
  }

  #goToNextFailed() {
    const failed = this.#failed();
    const at = failed.findIndex((step) => step.id === this.#chosen);
    this.#goTo(failed[(at + 1) % failed.length]);
  }

  #goTo(step) {
    this.#onChoose(step);
    this.reveal(step.id)?.focus({ preventScroll: true });
  }

  #keep(name) {
    this.#kept = this.#kept === name ? "all" : name;
    for (const [one, button] of this.#filters) setAttribute(button, "aria-pressed", String(one === this.#kept));
    this.show(this.#tree, this.#chosen);
  }

  #makeRow() {
    const twist = make("span", { class: "twist", "aria-hidden": "true" }, "▸"); // by keyboard: left and right
    const sign = make("span", { class: "sign", "aria-hidden": "true" });
    const label = make("span", { class: "label" });
    const word = make("span", { class: "word" });
    const bar = make("span", { class: "span" }, make("span", { class: "span-done" }));
    const time = make("span", { class: "time" });
    const tries = make("span", { class: "tries" });
    const element = make("div", { class: "step", role: "option", tabindex: "-1" }, make("span", { class: "step-name" }, twist, sign, label, tries), word, make("span", { class: "track", "aria-hidden": "true" }, bar), time);
    element.view = { twist, sign, label, word, bar, time, tries, row: null };
    twist.addEventListener("click", (event) => this.#toggle(event, element.view.row.step));
    element.addEventListener("click", () => this.#onChoose(element.view.row.step));
    return element;
  }

  #updateRow(element, row) {
    const { step, depth, isOpen } = row;
    const view = element.view;
    const { word, sign, tone } = statusOf(step);
    view.row = row;
    element.style.setProperty("--depth", depth);
    const isChosen = step.id === this.#chosen;
    setAttribute(element, "data-id", step.id);
    setAttribute(element, "data-tone", tone);
    setAttribute(element, "data-group", step.parts > 0);
    setAttribute(element, "data-open", isOpen);
    setAttribute(element, "aria-selected", String(isChosen));
    element.tabIndex = isChosen ? 0 : -1;
    view.twist.hidden = !step.parts;
    setText(view.sign, sign);
    setText(view.label, shortened(step.label));
    setAttribute(view.label, "title", step.label);
    setText(view.word, statusNote(step) === "undoing" ? "Undoing" : word);
    setText(view.time, duration(elapsed(step)));
    setAttribute(view.time, "title", step.tries > 1 ? `${step.tries} tries` : null);
    setAttribute(view.bar, "data-undone", step.status === "compensated" || UNDOING.has(step.phase));
    setAttribute(view.bar, "data-locked", step.status === "blocked");
    setText(view.tries, step.tries > 1 ? `×${step.tries}` : "");
    this.#placeBar(view.bar, step);
  }

  #placeBar(bar, step) {
    // What waits for a lock has not begun, and yet it is the time that people ask about.
    const since = step.status === "blocked" ? step.created_at : step.start_time;
    bar.hidden = !since;
    if (!since) return;
    const { begin, end } = this.#span;
    const whole = end - begin;
    const from = Math.min(100, Math.max(0, ((Date.parse(since) - begin) / whole) * 100));
    const lasted = step.start_time ? elapsed(step) : now() - Date.parse(since);
    const width = Math.min(100 - from, (lasted / whole) * 100);
    const left = Math.min(from, 100 - LEAST_BAR_PERCENT);
    bar.style.left = `${left}%`;
    bar.style.width = `${Math.max(width, LEAST_BAR_PERCENT)}%`;
    const done = hasEnded(step) || step.status === "blocked" ? 100 : (percent(step) ?? 0);
    bar.firstChild.style.width = `${done}%`;
  }

  #toggle(event, step) {
    event.stopPropagation();
    this.#flip(step.id);
    this.show(this.#tree, this.#chosen);
  }

  #flip(id) {
    if (!this.#toggled.delete(id)) this.#toggled.add(id);
  }

  #press(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    const index = this.#list.items.findIndex((row) => row.step.id === this.#chosen);
    const row = this.#list.items[index];
    if ((event.key === "ArrowRight" || event.key === "ArrowLeft") && row?.step.parts) {
      event.preventDefault();
      if (row.isOpen !== (event.key === "ArrowRight")) this.#toggle(event, row.step);
      return;
    }
    const next = this.#list.items[index + (steps[event.key] ?? 0)];
    if (!(event.key in steps) || !next) return;
    event.preventDefault();
    this.#chosen = next.step.id;
    this.#list.reveal(index + steps[event.key])?.focus({ preventScroll: true });
    this.#onChoose(next.step);
  }
}
