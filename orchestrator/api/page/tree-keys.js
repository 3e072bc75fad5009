// Moves through the rows of a tree by keyboard: arrows, Home, End, Enter, Space.

/** Keyboard for a WindowList of rows; `on` has toggle(command, isOpen) and go(path). */
export class TreeKeys {
  #grid;
  #list;
  #on;
  #active = null; // id of the row that Tab comes to

  constructor(grid, list, on) {
    this.#grid = grid;
    this.#list = list;
    this.#on = on;
    grid.addEventListener("keydown", (event) => this.#press(event));
    grid.addEventListener("focusin", (event) => this.#enter(event.target.closest("[data-id]")));
  }

  /** After a redraw: exactly one row can be reached by Tab. */
  settle() {
    const rows = this.#grid.querySelectorAll("[data-id]");
    const active = [...rows].find((row) => row.dataset.id === this.#active) ?? rows[0];
    for (const row of rows) row.tabIndex = row === active ? 0 : -1;
  }

  #enter(row) {
    if (!row) return;
    this.#active = row.dataset.id;
    this.#list.keep(this.#index());
    this.settle();
  }

  #press(event) {
    const isPress = event.key === " " || event.key === "Enter";
    if (isPress && event.target.closest("button, input")) return; // theirs
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const index = this.#index();
    if (index < 0) return;
    const handled = this.#act(event.key, index, this.#list.items[index]);
    if (handled) event.preventDefault();
  }

  #act(key, index, row) {
    switch (key) {
      case "ArrowDown": return this.#move(index + 1, 1);
      case "ArrowUp": return this.#move(index - 1, -1);
      case "Home": return this.#move(0, 1);
      case "End": return this.#move(this.#list.items.length - 1, -1);
      case "ArrowRight": return this.#inward(index, row);
      case "ArrowLeft": return this.#outward(index, row);
      case "Enter": return this.#go(row);
      case " ": return this.#pick();
      default: return false;
    }
  }

  #inward(index, row) {
    if (!row.command.parts) return true;
    if (row.isOpen) return this.#move(index + 1, 1);
    this.#on.toggle(row.command, true);
    return true;
  }

  #outward(index, row) {
    if (row.isOpen) {
      this.#on.toggle(row.command, false);
      return true;
    }
    const above = this.#list.items.slice(0, index).findLastIndex((one) => one.depth < row.depth);
    return above < 0 ? true : this.#move(above, -1);
  }

  #move(index, step) {
    const items = this.#list.items;
    let next = index;
    while (items[next] && !items[next].command) next += step; // a row that is loading cannot be chosen
    if (items[next]) this.#list.reveal(next)?.focus({ preventScroll: true });
    return true;
  }

  #go(row) {
    this.#on.go(`/commands/${row.command.id}`);
    return true;
  }

  #pick() {
    document.activeElement.querySelector?.("input[type=checkbox]:not([hidden])")?.click();
    return true;
  }

  #index() {
    return this.#list.items.findIndex((row) => row.command?.id === this.#active);
  }
}
