// Draws where a command stands: the sign and the word of its status, and its progress as a bar.

import { make, setAttribute, setText } from "./dom.js";
import { STATUSES, percent, statusNote, statusOf } from "./words.js";

const STUCK = STATUSES.needs_attention; // a root shows it for any of its parts

/** A status: sign, word and a few words on what lies behind it. */
export class StatusMark {
  #sign = make("span", { class: "sign", "aria-hidden": "true" });
  #word = make("span", { class: "word" });
  #note = make("span", { class: "status-note" });

  constructor() {
    this.element = make("span", { class: "status" }, this.#sign, this.#word, this.#note);
  }

  show(command) {
    const { word, sign, tone } = command.stuck ? STUCK : statusOf(command);
    setAttribute(this.element, "data-tone", tone);
    setAttribute(this.element, "title", command.message);
    setText(this.#sign, sign);
    setText(this.#word, word);
    setText(this.#note, command.stuck && command.status !== "needs_attention" ? command.stuck === 1 ? "in a part" : `in ${command.stuck} parts` : statusNote(command));
  }
}

/** A progress bar with its figure; a running command that cannot tell how far it is shows a moving stripe. */
export class ProgressBar {
  #value = make("span", { class: "bar-value" });
  #bar = make("span", { class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, this.#value);
  #figure = make("span", { class: "figure" });

  constructor() {
    this.element = make("span", { class: "progress" }, this.#bar, this.#figure);
  }

  show(command) {
    const known = percent(command);
    const isUnknown = known === null && command.status === "running";
    setAttribute(this.#bar, "data-tone", statusOf(command).tone);
    setAttribute(this.#bar, "data-unknown", isUnknown);
    setAttribute(this.#bar, "aria-label", `Progress of ${command.label}`);
    setAttribute(this.#bar, "aria-valuenow", known);
    this.#value.style.width = `${known ?? 0}%`;
    setText(this.#figure, known === null ? "" : `${known}%`);
    this.element.title = command.progress_note ?? "";
  }
}
