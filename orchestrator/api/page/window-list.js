// Draws a long list by the few rows that can be seen, so that ten thousand parts cost no more than fifty.

const MARGIN_ROWS = 12;

/**
 * A list of rows of one height inside `body`. `create(item)` makes a row's element, `update(element,
 * item, index)` brings it up to date, `key(item)` tells rows apart; the same key keeps the same element, so
 * focus, selection and hover outlive a refresh. The height of a row is the CSS variable --row of `body`.
 */
export class WindowList {
  #body;
  #create;
  #update;
  #key;
  #items = [];
  #elements = new Map();
  #kept = -1;
  #isDue = false;

  constructor(body, { create, update, key }) {
    this.#body = body;
    this.#create = create;
    this.#update = update;
    this.#key = key;
    const later = () => this.#later();
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later, { passive: true });
    this.close = () => {
      removeEventListener("scroll", later);
      removeEventListener("resize", later);
    };
  }

  get items() {
    return this.#items;
  }

  show(items) {
    this.#items = items;
    this.draw();
  }

  /** Keeps one row drawn even out of sight, so that the focus is not lost by scrolling; -1 for none. */
  keep(index) {
    this.#kept = index;
  }

  /** Gives the element of a row, scrolled into view. */
  reveal(index) {
    this.keep(index);
    this.draw();
    const element = this.#elements.get(this.#key(this.#items[index]));
    element?.scrollIntoView({ block: "nearest" });
    return element;
  }

  draw() {
    this.#isDue = false;
    if (!this.#body.isConnected) return;
    const height = Number.parseFloat(getComputedStyle(this.#body).getPropertyValue("--row")) || 36;
    this.#body.style.height = `${this.#items.length * height}px`;
    const top = this.#body.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(-top / height) - MARGIN_ROWS);
    const last = Math.min(this.#items.length, Math.ceil((innerHeight - top) / height) + MARGIN_ROWS);
    this.#place(this.#indexes(first, last), height);
  }

  #later() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => this.draw());
  }

  #indexes(first, last) {
    const indexes = Array.from({ length: Math.max(0, last - first) }, (_, offset) => first + offset);
    const kept = this.#kept;
    if (kept >= 0 && kept < this.#items.length && (kept < first || kept >= last)) {
      indexes.push(kept);
      indexes.sort((one, other) => one - other);
    }
    return indexes;
  }

  #place(indexes, height) {
    const old = this.#elements;
    this.#elements = new Map();
    let previous = null;
    for (const index of indexes) {
      const item = this.#items[index];
      const key = this.#key(item);
      const element = old.get(key) ?? this.#create(item);
      old.delete(key);
      this.#elements.set(key, element);
      element.style.top = `${index * height}px`;
      this.#update(element, item, index);
      // The order in the document is the order for Tab and for screen readers.
      const follows = previous ? previous.nextSibling : this.#body.firstChild;
      if (follows !== element) this.#insert(element, follows);
      previous = element;
    }
    for (const element of old.values()) element.remove();
  }

  #insert(element, before) {
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    this.#body.insertBefore(element, before);
    focused?.focus({ preventScroll: true }); // moving an element takes its focus away
  }
}
