// Draws the steps of a command as bars over time.

import { now } from "./api.js";
import { make, setAttribute, setText } from "./dom.js";
import { everyStep } from "./steps.js";
import { duration, elapsed, hasEnded, percent, shortened, statusNote, statusOf } from "./words.js";
import { WindowList } from "./window-list.js";

const LEAST_BAR_PERCENT = 0.6;
const OPEN_UP_TO_PARTS = 50;

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

  constructor(onChoose) {
    this.#onChoose = onChoose;
    this.element = make("section", { class: "card timeline" }, make("div", { class: "card-head" }, make("h2", {}, "Steps"), this.#scale), this.#body, this.#left);
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
    this.#left.hidden = !tree.left;
    setText(this.#left, `${(tree.left ?? 0).toLocaleString("en")} more parts are not shown here.`);
    for (const step of everyStep(tree)) if (step.id === chosenId) return step;
    return null;
  }

  /** Marks another step; gives it, or null when it is not there. */
  choose(id) {
    return this.#tree && this.show(this.#tree, id);
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
    const isOpen = Boolean(step.parts) && (depth === 0 || step.parts <= OPEN_UP_TO_PARTS) !== this.#toggled.has(step.id);
    rows.push({ step, depth, isOpen });
    if (isOpen) for (const part of step.parts_list ?? []) this.#addRows(rows, part, depth + 1);
  }

  #makeRow() {
    const twist = make("button", { class: "twist", type: "button", tabindex: "-1" }, "▸");
    const sign = make("span", { class: "sign", "aria-hidden": "true" });
    const label = make("span", { class: "label" });
    const word = make("span", { class: "word" });
    const bar = make("span", { class: "span" }, make("span", { class: "span-done" }));
    const time = make("span", { class: "time" });
    const element = make("div", { class: "step", role: "option", tabindex: "-1" }, make("span", { class: "step-name" }, twist, sign, label), word, make("span", { class: "track", "aria-hidden": "true" }, bar), time);
    element.view = { twist, sign, label, word, bar, time, row: null };
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
    setAttribute(view.twist, "aria-label", `${isOpen ? "Close" : "Open"} the parts of ${step.label}`);
    setText(view.sign, sign);
    setText(view.label, shortened(step.label));
    setAttribute(view.label, "title", step.label);
    setText(view.word, statusNote(step) === "undoing" ? "Undoing" : word);
    setText(view.time, duration(elapsed(step)));
    this.#placeBar(view.bar, step);
  }

  #placeBar(bar, step) {
    bar.hidden = !step.start_time;
    if (!step.start_time) return;
    const { begin, end } = this.#span;
    const whole = end - begin;
    const from = Math.min(100, Math.max(0, ((Date.parse(step.start_time) - begin) / whole) * 100));
    const width = Math.min(100 - from, (elapsed(step) / whole) * 100);
    const left = Math.min(from, 100 - LEAST_BAR_PERCENT);
    bar.style.left = `${left}%`;
    bar.style.width = `${Math.max(width, LEAST_BAR_PERCENT)}%`;
    const done = hasEnded(step) ? 100 : (percent(step) ?? 0);
    bar.firstChild.style.width = `${done}%`;
  }

  #toggle(event, step) {
    event.stopPropagation();
    if (!this.#toggled.delete(step.id)) this.#toggled.add(step.id);
    this.show(this.#tree, this.#chosen);
  }

  #press(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    const index = this.#list.items.findIndex((row) => row.step.id === this.#chosen);
    const next = this.#list.items[index + (steps[event.key] ?? 0)];
    if (!(event.key in steps) || !next) return;
    event.preventDefault();
    this.#chosen = next.step.id;
    this.#list.reveal(index + steps[event.key])?.focus({ preventScroll: true });
    this.#onChoose(next.step);
  }
}
