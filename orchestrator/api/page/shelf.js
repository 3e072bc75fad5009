// Keeps the parts of commands that are open, and decides how to fetch them: a whole tree, or page by page.

import { api } from "./api.js";
import { everyStep } from "./steps.js";

// A tree of more rows than this is not fetched whole again at each change; its open groups are, by pages.
const HEAVY_ROWS = 1000;
const WIDE_PARTS = 200;
const PAGE = 100;
const LARGEST_PAGE = 500;

/** The parts that have been loaded, by the id of their parent. */
export class Shelf {
  #own = new Map(); // id → {parts, cursor, left}: loaded for this very command
  #heavy = new Set(); // ids of roots whose tree is too large to fetch whole

  /** Gives {parts, left}: the parts of a command and how many more there are; null when not loaded. */
  partsOf(command) {
    const own = this.#own.get(command.id);
    if (own) return own;
    return command.parts_list ? { parts: command.parts_list, left: 0 } : null;
  }

  /** Whether a refresh of the tree above does not bring this command's parts. */
  isOwn(command) {
    return this.#own.has(command.id) || !command.parts_list;
  }

  /** Fetches the parts of a command anew, as many as were loaded before; gives the command if that came too. */
  async load(command) {
    if (command.parts > WIDE_PARTS || this.#heavy.has(command.root_id)) return this.#loadPage(command);
    const tree = await api.tree(command.id);
    if (countAtMost(everyStep(tree), HEAVY_ROWS) > HEAVY_ROWS) this.#heavy.add(command.root_id);
    this.#own.set(command.id, { parts: tree.parts_list, left: 0 });
    return tree;
  }

  /** Fetches the next page of the parts of a command. */
  async loadMore(command) {
    const own = this.#own.get(command.id);
    if (!own?.cursor) return;
    const page = await api.parts(command.id, { limit: LARGEST_PAGE, cursor: own.cursor });
    this.#put(command, [...own.parts, ...page.items], page);
  }

  /** Forgets what belongs to none of these roots. */
  forget(roots) {
    for (const [id, { parts }] of this.#own) {
      const root = parts[0]?.root_id ?? id;
      if (!roots.has(root)) this.#own.delete(id);
    }
  }

  async #loadPage(command) {
    const before = this.#own.get(command.id)?.parts.length ?? 0;
    let page = await api.parts(command.id, { limit: Math.min(Math.max(PAGE, before), LARGEST_PAGE) });
    const parts = [...page.items];
    while (parts.length < before && page.next_cursor) {
      page = await api.parts(command.id, { limit: LARGEST_PAGE, cursor: page.next_cursor });
      parts.push(...page.items);
    }
    this.#put(command, parts, page);
    return null;
  }

  #put(command, parts, page) {
    this.#own.set(command.id, { parts, cursor: page.next_cursor, left: Math.max(0, command.parts - parts.length) });
  }
}

function countAtMost(steps, most) {
  let number = 0;
  for (const _ of steps) if ((number += 1) > most) break;
  return number;
}
