// The list of commands with their live trees: chips, filter, rows, choosing many, keyboard.

import { api } from "./api.js";
import { CommandRow } from "./command-row.js";
import { make, setAttribute, setText } from "./dom.js";
import { readFilter } from "./filter.js";
import { Forest } from "./forest.js";
import { ListBar } from "./list-bar.js";
import { TreeKeys } from "./tree-keys.js";
import { order, orderMany } from "./verbs.js";
import { count } from "./words.js";
import { WindowList } from "./window-list.js";

const PAGE = 100;
const MOST_SINGLE = 10;
const MOST_PINNED = 20;
const HEADINGS = ["Command", "Status", "Progress", "Owner", "Worker", "Started", "Duration", "Actions"];

export class CommandsView {
  tab = "commands";
  scroll = 0;
  #app;
  #forest = new Forest();
  #picked = new Map();
  #isAllPicked = false;
  #attention = 0;
  #cursor = null;
  #total = null;
  #isLoading = false;
  #isFirst = true;
  #body = make("div", { class: "rows", role: "rowgroup" });
  #empty = make("div", { class: "empty" });
  #foot = make("div", { class: "list-foot muted" });
  #bar;
  #grid;
  #list;
  #keys;

  constructor(app) {
    this.#app = app;
    this.#bar = new ListBar({
      onFilter: () => this.#filterChanged(),
      onOpenAll: (isOpen) => this.#openAll(isOpen),
      onOrder: (verb) => this.#orderPicked(verb),
      onPickAll: () => this.#pickAll(),
      onUnpick: () => this.#unpick(),
    });
    this.#grid = make(
      "div",
      { class: "grid card", role: "treegrid", "aria-label": "Commands", "aria-multiselectable": "true" },
      make("div", { class: "heads", role: "row" }, make("div", { role: "columnheader" }, make("span", { class: "unseen" }, "Choose")), HEADINGS.map(heading)),
      this.#body,
    );
    this.element = make("section", { class: "commands" }, this.#bar.element, this.#grid, this.#empty, this.#foot);
    this.#list = new WindowList(this.#body, {
      key: (row) => row.command?.id ?? `waits for ${row.waitsFor.id}`,
      create: (row) => (row.command ? this.#makeRow() : this.#makeMoreRow(row.waitsFor)),
      update: (element, row) => this.#updateRow(element, row),
    });
    this.#keys = new TreeKeys(this.#grid, this.#list, { toggle: (command, isOpen) => this.#toggle(command, isOpen), go: (path) => app.go(path) });
    addEventListener("scroll", () => this.#nearEnd(), { passive: true });
  }

  get title() {
    return `${this.#attention ? `▲ ${this.#attention} · ` : ""}Commands · Orchestrator`;
  }

  enter() {
    this.#bar.read(location.search);
    this.#bar.listen(true);
    this.#draw();
    requestAnimationFrame(() => scrollTo(0, this.scroll));
  }

  leave() {
    this.scroll = scrollY;
    this.#bar.listen(false);
  }

  tick() {
    for (const element of this.#body.children) element.rowView?.tick();
  }

  /** Shows the present state; `changed` is the set of changed roots, or null when all may have changed. */
  async refresh(changed) {
    const query = this.#query();
    const page = await api.commands({ ...query, limit: PAGE });
    if (JSON.stringify(query) !== JSON.stringify(this.#query())) return; // somebody typed on: another is due
    this.#attention = page.counts?.needs_attention ?? 0;
    const stuck = await this.#findStuck(query);
    this.#forest.takeFirstPage(page.items, Boolean(page.next_cursor), stuck);
    if (this.#forest.roots.length <= page.items.length) this.#cursor = page.next_cursor;
    this.#total = page.total;
    this.#isFirst = false;
    this.#bar.count(page.counts ?? {}, page.total);
    this.#draw();
    const fresh = new Set(page.items.map((one) => one.id));
    await Promise.all([this.#forest.refresh(changed), this.#refreshOthers(changed, fresh)]);
    this.#draw();
  }

  fail(problem) {
    this.#isFirst = false;
    this.#forest.takeFirstPage([], false, []);
    this.#draw();
    this.#bare(problem.status === 403 ? "You may not see this" : "This could not be shown", problem.message);
  }

  // What needs attention comes first, however old it is.
  async #findStuck(query) {
    if (!this.#attention || query.status) return [];
    const page = await api.commands({ ...query, status: "needs_attention", limit: MOST_PINNED });
    return page.items;
  }

  // Roots beyond the first page are looked at one by one, those in sight only.
  async #refreshOthers(changed, fresh) {
    const seen = this.#seenRoots().filter((id) => !fresh.has(id) && (!changed || changed.has(id)));
    const found = await Promise.all(seen.slice(0, MOST_SINGLE).map((id) => api.command(id)));
    for (const root of found) this.#forest.takeRoot(root);
  }

  #seenRoots() {
    return [...this.#body.querySelectorAll("[data-root]")].map((element) => element.dataset.id);
  }

  async #nearEnd() {
    const isNear = innerHeight + scrollY > document.documentElement.scrollHeight - 600;
    if (!isNear || !this.#cursor || this.#isLoading || !this.element.isConnected) return;
    this.#isLoading = true;
    try {
      const page = await api.commands({ ...this.#query(), limit: PAGE, cursor: this.#cursor });
      this.#cursor = page.next_cursor;
      this.#forest.takeNextPage(page.items);
      this.#draw();
    } catch {
      this.#app.refresh(); // tells what is wrong
    } finally {
      this.#isLoading = false;
    }
  }

  #query() {
    const { text, status } = this.#bar.choice();
    const query = readFilter(text);
    return status ? { ...query, status } : query;
  }

  #filterChanged() {
    history.replaceState(null, "", this.#bar.address());
    this.#isFirst = true;
    this.#forest.roots = [];
    this.#cursor = null;
    scrollTo(0, 0);
    this.#app.refresh();
  }

  #makeRow() {
    return new CommandRow({
      toggle: (command) => this.#toggle(command),
      pick: (command, isPicked) => this.#pick(command, isPicked),
      order: (verb, command) => order(this.#app, verb, command),
    }).element;
  }

  #makeMoreRow(parent) {
    const more = make("button", { class: "link", type: "button", onclick: () => this.#loadMore(parent.id) });
    return make("div", { class: "row loading", role: "row" }, make("div", { role: "gridcell" }, more));
  }

  #updateRow(element, row) {
    if (row.command) {
      element.rowView.show(row, this.#picked.has(row.command.id));
      return;
    }
    const button = element.querySelector("button");
    element.style.setProperty("--depth", row.depth);
    button.disabled = row.left === 0;
    setText(button, row.left ? `Show more: ${count(row.left, "part")} left` : "Loading the parts …");
  }

  async #loadMore(id) {
    const row = this.#list.items.find((one) => one.waitsFor?.id === id);
    await this.#forest.shelf.loadMore(row.waitsFor);
    this.#draw();
  }

  async #toggle(command, wanted) {
    const row = this.#list.items.find((one) => one.command?.id === command.id);
    const isOpen = wanted ?? !row?.isOpen;
    if (isOpen) this.#forest.open(command.id);
    else this.#forest.shut(command.id);
    this.#draw();
    if (isOpen && !this.#forest.shelf.partsOf(command)) await this.#app.refresh();
  }

  async #openAll(isOpen) {
    if (isOpen) for (const id of this.#forest.roots.slice(0, PAGE).map((one) => one.id)) this.#forest.open(id);
    else this.#forest.shutAll();
    this.#draw();
    if (isOpen) await this.#app.refresh();
  }

  #pick(command, isPicked) {
    if (isPicked) this.#picked.set(command.id, command);
    else this.#picked.delete(command.id);
    this.#isAllPicked = false;
    this.#bar.picked(this.#picked.size, this.#total);
  }

  // All that match, those that are not loaded included: the server finds them again by the filter.
  #pickAll() {
    for (const root of this.#forest.roots) if (root.actions.length) this.#picked.set(root.id, root);
    this.#isAllPicked = true;
    this.#bar.picked(this.#total, this.#total);
    this.#draw();
  }

  async #orderPicked(verb) {
    const ids = [...this.#picked.keys()];
    const { limit: _, ...query } = this.#query();
    if (query.status) query.status = query.status.split(",");
    const target = this.#isAllPicked ? { query } : { ids };
    if (await orderMany(this.#app, verb, target, this.#isAllPicked ? this.#total : ids.length)) this.#unpick();
  }

  #unpick() {
    this.#picked.clear();
    this.#isAllPicked = false;
    this.#bar.picked(0);
    this.#draw();
  }

  redraw() {
    this.#draw();
  }

  #draw() {
    const rows = this.#forest.rows();
    this.#list.show(rows);
    setAttribute(this.#grid, "aria-rowcount", rows.length + 1);
    this.#keys.settle();
    this.#drawEmpty(rows.length === 0);
    const shown = this.#forest.roots.length;
    const total = this.#total ?? shown;
    setText(this.#foot, shown ? `${shown === total ? count(total, "command") : `${shown} of ${count(total, "command")}`} · / filters, arrows move and open, Enter shows one` : "");
  }

  #drawEmpty(isEmpty) {
    this.#empty.hidden = !isEmpty;
    if (!isEmpty) return;
    if (this.#isFirst) this.#bare("Loading …", "");
    else if (this.#bar.isFiltering) this.#bare("Nothing matches", "No command matches this filter. Press Esc in the filter box to clear it.");
    else this.#bare("No commands yet", "Submit one with: orchestrator submit KIND --param name=value");
  }

  #bare(title, text) {
    this.#empty.hidden = false;
    this.#empty.replaceChildren(make("h2", {}, title), make("p", { class: "muted" }, text));
  }
}

function heading(text) {
  return make("div", { role: "columnheader", class: `head ${text.toLowerCase()}` }, text);
}
