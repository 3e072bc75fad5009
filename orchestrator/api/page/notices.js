// Tells people what happened: a banner while something is wrong, a short note when something was done.

import { make, setText } from "./dom.js";

const NOTE_MS = 6000;
const BAD_NOTE_MS = 15_000;

export class Notices {
  #banner;
  #notes;

  constructor(banner, notes) {
    this.#banner = banner;
    this.#notes = notes;
  }

  /** Shows what is wrong until it is cleared. */
  warn(text) {
    setText(this.#banner, text);
    this.#banner.hidden = false;
  }

  clear() {
    this.#banner.hidden = true;
  }

  /** Shows a note for some seconds; `tone` is "good" or "bad". */
  notify(text, tone = "good") {
    const note = make("div", { class: "note", "data-tone": tone }, text);
    const close = make("button", { class: "link", type: "button", "aria-label": "Close", onclick: () => note.remove() }, "✕");
    note.append(close);
    this.#notes.append(note);
    setTimeout(() => note.remove(), tone === "bad" ? BAD_NOTE_MS : NOTE_MS);
  }
}
