// Holds what the list shows: the roots that are loaded, which commands are open, and the rows they make.

import { Shelf } from "./shelf.js";

// A group of more parts than this waits to be opened by hand.
const OPEN_UP_TO_PARTS = 20;

/** The roots and trees of the list, and the flat rows they make. */
export class Forest {
  roots = [];
  shelf = new Shelf();
  #opened = new Set();
  #pinned = new Set(); // ids that stand first, wherever their time would put them
  #shut = new Set();

  isOpen(command, depth) {
    if (!command.parts) return false;
    if (this.#opened.has(command.id)) return true;
    return depth > 0 && !this.#shut.has(command.id) && command.parts <= OPEN_UP_TO_PARTS;
  }

  open(id) {
    this.#shut.delete(id);
    this.#opened.add(id);
  }

  shut(id) {
    this.#opened.delete(id);
    this.#shut.add(id);
  }

  shutAll() {
    for (const root of this.roots) this.shut(root.id);
  }

  /** Takes the first page anew: what it covers is replaced, what was loaded beyond it stays, `pinned` comes before all. */
  takeFirstPage(items, hasMore, pinned) {
    const first = new Set(pinned.map((one) => one.id));
    const fresh = new Set(items.map((one) => one.id));
    const edge = items.at(-1)?.created_at ?? "";
    const isBeyond = (one) => !fresh.has(one.id) && !this.#pinned.has(one.id) && one.created_at < edge;
    const beyond = hasMore ? this.roots.filter(isBeyond) : [];
    this.#pinned = first;
    this.roots = [...pinned, ...[...items, ...beyond].filter((one) => !first.has(one.id))];
    this.shelf.forget(new Set(this.roots.map((one) => one.id)));
  }

  takeNextPage(items) {
    const known = new Set(this.roots.map((one) => one.id));
    this.roots.push(...items.filter((one) => !known.has(one.id)));
  }

  /** Takes one root anew, wherever it stands; a root that is not listed is left alone. */
  takeRoot(root) {
    const index = this.roots.findIndex((one) => one.id === root.id);
    if (index >= 0) this.roots[index] = root;
  }

  /**
   * Fetches the parts of all that is open: of the roots in `changed` (null for all), and what is open but was
   * never loaded. What arrives may show more that is open, so it goes on until nothing is missing.
   */
  async refresh(changed) {
    const done = new Set();
    for (;;) {
      const due = this.rows().filter((row) => this.#isDue(row, changed, done));
      if (!due.length) return;
      await Promise.all(due.map((row) => this.#load(row.command, done)));
    }
  }

  #isDue({ command, depth, isOpen }, changed, done) {
    if (!isOpen || done.has(command.id)) return false;
    if (!this.shelf.partsOf(command)) return true;
    const isChanged = !changed || changed.has(command.root_id);
    return isChanged && (depth === 0 || this.shelf.isOwn(command));
  }

  async #load(command, done) {
    done.add(command.id);
    const tree = await this.shelf.load(command);
    if (tree) this.takeRoot(tree);
  }

  /**
   * Gives the rows from top to bottom: {command, depth, isOpen, place, siblings}, and where parts are not
   * there {waitsFor: command, left, depth}, with `left` = 0 while they are being loaded.
   */
  rows() {
    const rows = [];
    this.#add(rows, this.roots, 0);
    return rows;
  }

  #add(rows, commands, depth) {
    commands.forEach((command, index) => {
      const isOpen = this.isOpen(command, depth);
      rows.push({ command, depth, isOpen, place: index + 1, siblings: commands.length });
      if (!isOpen) return;
      const known = this.shelf.partsOf(command);
      if (known) this.#add(rows, known.parts, depth + 1);
      if (!known || known.left) rows.push({ waitsFor: command, left: known?.left ?? 0, depth: depth + 1 });
    });
  }
}
