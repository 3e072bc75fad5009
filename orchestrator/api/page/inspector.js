// Shows one step close up in tabs: message, input, output, history, tasks outside, locks.

import { api, Problem } from "./api.js";
import { fill, make, refill, setAttribute, setText } from "./dom.js";
import { EventList } from "./event-list.js";
import { StatusMark } from "./status-mark.js";
import { table } from "./table.js";
import { verbButtons } from "./verbs.js";
import { clock, count, duration, shortened, statusOf } from "./words.js";

const COMMAND = /(?<=\bcommand )([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b/;

/** The inspector; calls `onOrder(verb, command)`, and `onTab()` when another tab was opened. */
export class Inspector {
  #step = null;
  #detail = null;
  #tab = "message";
  #onTab;
  #title = make("a", { class: "inspector-title" });
  #status = new StatusMark();
  #buttons;
  #tabs = make("div", { class: "inspector-tabs", role: "tablist", "aria-label": "About this step" });
  #panel = make("div", { class: "inspector-panel", role: "tabpanel", id: "inspector-panel", tabindex: "0" });
  #events = new EventList();
  #marks = new Map();

  get tab() {
    return this.#tab;
  }

  set tab(name) {
    if (name in TABS) this.#tab = name;
  }

  constructor({ onOrder, onTab }) {
    this.#onTab = onTab;
    this.#buttons = verbButtons((verb) => onOrder(verb, this.#step));
    const head = make("div", { class: "card-head" }, this.#title, this.#status.element, this.#buttons.element);
    this.element = make("section", { class: "card inspector", "aria-label": "The chosen step" }, head, this.#tabs, this.#panel);
    this.#tabs.addEventListener("keydown", (event) => this.#press(event));
    for (const name of Object.keys(TABS)) this.#addTab(name);
  }

  /** Shows a step; `detail` is fetched when it is not given. */
  async show(step, detail) {
    const isOther = this.#step?.id !== step.id;
    this.#step = step;
    setText(this.#title, shortened(step.label));
    setAttribute(this.#title, "href", `/commands/${step.id}`);
    setAttribute(this.#title, "title", `Open ${step.label}`);
    this.#status.show(step);
    this.#buttons.show(step);
    const found = detail ?? (await api.command(step.id));
    if (this.#step !== step) return; // another one was chosen meanwhile
    this.#detail = found;
    if (isOther) this.#events.forget();
    await this.#draw();
  }

  #addTab(name) {
    const button = make("button", { class: "inspector-tab", role: "tab", type: "button", "aria-controls": "inspector-panel", onclick: () => this.#open(name) }, TABS[name].title);
    this.#marks.set(name, button);
    this.#tabs.append(button);
  }

  #open(name) {
    this.#tab = name;
    this.#panel.replaceChildren();
    this.#draw();
    this.#onTab();
  }

  async #draw() {
    for (const [name, button] of this.#marks) {
      const isOpen = name === this.#tab;
      setAttribute(button, "aria-selected", String(isOpen));
      button.tabIndex = isOpen ? 0 : -1;
      setText(button, titleOf(name, this.#detail));
    }
    if (this.#tab === "events" || this.#tab === "attempts") await this.#drawEvents();
    else refill(this.#panel, TABS[this.#tab].draw(this.#detail));
  }

  async #drawEvents() {
    try {
      await this.#events.load(this.#detail);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      fill(this.#panel, make("p", { class: "muted" }, problem.message));
      return;
    }
    if (this.#tab === "attempts") refill(this.#panel, drawAttempts(this.#events.items));
    else if (this.#tab === "events" && this.#panel.firstChild !== this.#events.element) fill(this.#panel, this.#events.element);
  }

  #press(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const names = [...this.#marks.keys()];
    const next = names[(names.indexOf(this.#tab) + step + names.length) % names.length];
    this.#open(next);
    this.#marks.get(next).focus();
  }
}

const TABS = {
  message: { title: "Message", draw: drawMessage },
  input: { title: "Input", draw: (detail) => json(detail.parameters) },
  output: { title: "Output", draw: (detail) => (detail.return_value === null ? nothing("It has not returned anything.") : json(detail.return_value)) },
  events: { title: "History" },
  attempts: { title: "Attempts" },
  tasks: { title: "Tasks outside", draw: drawTasks },
  locks: { title: "Locks", draw: drawLocks },
};

function titleOf(name, detail) {
  if (name === "message" && detail.status === "failed") return "Error";
  if (name === "attempts" && detail.attempt > 1) return `Attempts ${detail.attempt}`;
  if (name === "tasks" && detail.tasks.length) return `Tasks outside ${detail.tasks.length}`;
  if (name === "locks" && detail.locks.length) return `Locks ${detail.locks.length}`;
  return TABS[name].title;
}

function drawMessage(detail) {
  const facts = [
    ["Id", detail.id],
    ["Kind", `${detail.kind} v${detail.version}`],
    ["Phase", detail.phase.replaceAll("_", " ")],
    ["Worker", detail.worker],
    ["Claims", detail.attempt ? String(detail.attempt) : null],
    ["Tries", detail.tries ? String(detail.tries) : null],
    ["Wakes", detail.wake_at && clock(detail.wake_at)],
    ["Ended", detail.end_time && clock(detail.end_time)],
  ];
  return [
    detail.message ? make("pre", { class: "message", "data-tone": detail.status === "failed" ? "bad" : null }, withLinks(detail.message)) : nothing("No message."),
    make("dl", { class: "pairs" }, facts.filter(([, value]) => value).map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]).flat()),
  ];
}

// Each claim by a worker: when, by whom, how it came out and what it said.
function drawAttempts(events) {
  const attempts = new Map();
  for (const one of events) if (one.attempt) attempts.set(one.attempt, [...(attempts.get(one.attempt) ?? []), one]);
  if (!attempts.size) return nothing("No worker has begun it yet.");
  const rows = [...attempts].map(([number, own]) => {
    const last = own.at(-1);
    const said = own.findLast((one) => one.message)?.message;
    return [String(number), clock(own[0].at), duration(Date.parse(last.at) - Date.parse(own[0].at)), statusOf(last).word, own.find((one) => one.worker)?.worker, said && make("span", { class: "said" }, shortened(said))];
  });
  return table(["Attempt", "Began", "Took", "Then", "Worker", "It said"], rows, "Attempts");
}

// A message that names another command links to it.
function withLinks(text) {
  return text.split(COMMAND).map((piece, index) => (index % 2 ? make("a", { href: `/commands/${piece}` }, shortened(piece)) : piece));
}

function drawTasks(detail) {
  if (!detail.tasks.length) return nothing("Nothing runs outside for this step.");
  return detail.tasks.map((task) =>
    make(
      "article",
      { class: "task" },
      make("h3", {}, task.description || task.verb),
      make("p", { class: "muted" }, `${task.system} · ${task.scope} · ${task.status}${task.progress === null ? "" : ` · ${Math.round(task.progress * 100)}%`}${task.stop_requested ? " · stop requested" : ""}`),
      task.message && make("p", {}, task.message),
      make("dl", { class: "pairs" }, [["Outside id", task.external_id], ["We are", task.state], ["Last news", clock(task.changed_at)], ["Deadline", task.deadline && clock(task.deadline)]].filter(([, value]) => value).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
      task.detail && Object.keys(task.detail).length ? json(task.detail) : null,
    ),
  );
}

function drawLocks(detail) {
  if (!detail.locks.length) return nothing("It holds and wants no locks.");
  return table(
    ["Entity", "Mode", "State", "Since"],
    detail.locks.map((lock) => [shortened(lock.entity), lock.mode, lock.held ? "held" : "waited for", clock(lock.since)]),
    count(detail.locks.length, "lock"),
  );
}

function json(value) {
  return make("pre", { class: "code" }, JSON.stringify(value, null, 2));
}

function nothing(text) {
  return make("p", { class: "muted" }, text);
}
