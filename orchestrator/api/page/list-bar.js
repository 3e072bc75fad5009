// The bar above the list: title, chips with counts, the filter box, and what to do with the chosen rows.

import { fill, make, setAttribute, setText } from "./dom.js";
import { VERBS } from "./verbs.js";
import { ACTIVE, STATUSES, count } from "./words.js";

const TYPING_MS = 250;
const CHIPS = [
  ["", "All", null],
  ["active", "Active", ACTIVE],
  ["needs_attention", "Needs attention", ["needs_attention"]],
  ["failed", "Failed", ["failed"]],
  ["stopped", "Stopped", ["stopped"]],
  ["succeeded", "Succeeded", ["succeeded"]],
];

/** The bar; calls onFilter(), onOpenAll(isOpen), onOrder(verb), onPickAll() and onUnpick(). */
export class ListBar {
  #on;
  #chips = new Map();
  #status = "";
  #everything = null;
  #timer = null;
  #box = make("input", {
    class: "field filter", type: "search", placeholder: "Filter: words, owner:alice, status:failed ( / )", "aria-label": "Filter",
    spellcheck: "false", autocomplete: "off",
  });
  #openAll = make("button", { class: "button", type: "button" }, "Open all");
  #bulk = make("div", { class: "bulk", role: "region", "aria-label": "Chosen commands", hidden: true });
  #bulkText = make("span");
  #pickAll = make("button", { class: "link", type: "button", onclick: () => this.#on.onPickAll() });
  #slash = (event) => this.#onSlash(event);

  constructor(on) {
    this.#on = on;
    this.#box.addEventListener("input", () => this.#typed());
    this.#box.addEventListener("keydown", (event) => event.key === "Escape" && this.#clear());
    this.#openAll.addEventListener("click", () => this.#toggleAll());
    fill(
      this.#bulk,
      this.#bulkText,
      this.#pickAll,
      Object.entries(VERBS).filter(([, { isRare }]) => !isRare).map(([verb, { word }]) => make("button", { class: "button", type: "button", onclick: () => on.onOrder(verb) }, `${word} chosen`)),
      make("button", { class: "button", type: "button", onclick: () => on.onUnpick() }, "Clear"),
    );
    const chips = make("div", { class: "chips", role: "group", "aria-label": "Status" }, CHIPS.map((one) => this.#makeChip(one)));
    this.element = make(
      "div",
      { class: "list-bar" },
      make("h1", {}, "Commands"),
      chips,
      make("div", { class: "list-tools" }, this.#box, this.#openAll),
      this.#bulk,
    );
  }

  get isFiltering() {
    return Boolean(this.#status || this.#box.value.trim());
  }

  /** Gives what is chosen: the text of the box, and the statuses of the chip as the API wants them. */
  choice() {
    const chip = CHIPS.find(([name]) => name === this.#status);
    return { text: this.#box.value, status: chip ? (chip[2]?.join(",") ?? "") : this.#status };
  }

  /** Gives the address that shows the same choice again. */
  address() {
    const query = new URLSearchParams();
    if (this.#status) query.set("status", this.#status);
    if (this.#box.value.trim()) query.set("q", this.#box.value.trim());
    return `/${query.size ? `?${query}` : ""}`;
  }

  /** Takes the choice from an address. */
  read(search) {
    const query = new URLSearchParams(search);
    this.#status = query.get("status") ?? "";
    if (this.#box.value.trim() !== (query.get("q") ?? "")) this.#box.value = query.get("q") ?? "";
    this.#mark();
  }

  listen(isOn) {
    if (isOn) document.addEventListener("keydown", this.#slash);
    else document.removeEventListener("keydown", this.#slash);
  }

  /** Shows how many commands stand where. */
  count(counts, total) {
    if (!this.#status) this.#everything = total; // a root of which a part is stuck counts in two statuses
    const sum = (statuses) => statuses.reduce((total, status) => total + (counts[status] ?? 0), 0);
    for (const [name, text, statuses] of CHIPS) {
      const chip = this.#chips.get(name);
      const number = statuses ? sum(statuses) : (this.#everything ?? sum(Object.keys(STATUSES)));
      setText(chip, `${text} ${number.toLocaleString("en")}`);
      setAttribute(chip, "data-alarm", name === "needs_attention" && sum(statuses) > 0);
    }
  }

  /** Shows how many are chosen, and offers all `matching`, where there is a filter that finds more. */
  picked(number, matching) {
    this.#bulk.hidden = number === 0;
    setText(this.#bulkText, `${count(number, "command")} chosen`);
    this.#pickAll.hidden = !this.isFiltering || !(matching > number);
    setText(this.#pickAll, `Choose all ${(matching ?? 0).toLocaleString("en")} that match`);
  }

  #makeChip([name, text]) {
    const chip = make("button", { class: "chip", type: "button", onclick: () => this.#choose(name) }, text);
    this.#chips.set(name, chip);
    return chip;
  }

  #choose(name) {
    this.#status = name;
    this.#mark();
    this.#on.onFilter();
  }

  #mark() {
    for (const [name, chip] of this.#chips) setAttribute(chip, "aria-pressed", String(name === this.#status));
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#on.onFilter(), TYPING_MS);
  }

  #clear() {
    if (this.#box.value) {
      this.#box.value = "";
      this.#on.onFilter();
    } else this.#box.blur();
  }

  #toggleAll() {
    const isOpen = this.#openAll.textContent === "Open all";
    setText(this.#openAll, isOpen ? "Close all" : "Open all");
    this.#on.onOpenAll(isOpen);
  }

  #onSlash(event) {
    const isTyping = event.target.closest?.("input, textarea, dialog");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#box.focus();
    this.#box.select();
  }
}
