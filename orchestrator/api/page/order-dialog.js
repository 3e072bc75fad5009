// Asks before a verb is carried out: what it will do, why it is wanted, and for resolve how it came out.

import { make, setText } from "./dom.js";
import { count, hasEnded, shortened } from "./words.js";

const TITLES = { stop: "Stop", restart: "Restart", skip: "Skip", clear: "Clear", resolve: "Resolve" };
const NEEDS_REASON = new Set(["skip", "clear", "resolve"]);

/** Gives {reason, outcome?, value?}, or null when it was called off. */
export function askOrder(verb, commands) {
  return new Promise((settle) => new OrderDialog(verb, commands, settle).open());
}

class OrderDialog {
  #verb;
  #settle;
  #answer = null;
  #reason = make("textarea", { id: "reason", class: "field", rows: "2", maxlength: "500" });
  #value = make("textarea", { id: "value", class: "field code", rows: "2", spellcheck: "false" });
  #error = make("p", { class: "form-error", role: "alert" });
  #dialog;

  constructor(verb, commands, settle) {
    this.#verb = verb;
    this.#settle = settle;
    this.#reason.required = NEEDS_REASON.has(verb);
    const name = commands.length === 1 ? `“${shortened(commands[0].label)}”` : count(commands.length, "command");
    this.#dialog = make(
      "dialog",
      { class: "dialog", "aria-labelledby": "order-title", onclose: () => this.#closed() },
      make(
        "form",
        { method: "dialog", onsubmit: (event) => this.#submit(event) },
        make("h2", { id: "order-title" }, `${TITLES[verb]} ${name}?`),
        make("p", { class: "muted" }, consequence(verb, commands)),
        verb === "resolve" ? this.#outcomes() : null,
        make("label", { for: "reason" }, this.#reason.required ? "Reason" : "Reason (optional, kept in the history)"),
        this.#reason,
        this.#error,
        make(
          "div",
          { class: "dialog-end" },
          make("button", { class: "button", type: "button", onclick: () => this.#dialog.close() }, "Cancel"),
          make("button", { class: `button primary ${verb}`, type: "submit" }, `${TITLES[verb]}`),
        ),
      ),
    );
  }

  open() {
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#reason.focus();
  }

  #outcomes() {
    const choice = (value, text) =>
      make("label", { class: "choice" }, make("input", { type: "radio", name: "outcome", value, required: true }), text);
    return [
      make("fieldset", {}, make("legend", {}, "How did it come out?"), choice("succeeded", "Succeeded"), choice("failed", "Failed")),
      make("label", { for: "value" }, "Return value as JSON (optional)"),
      this.#value,
    ];
  }

  #submit(event) {
    event.preventDefault();
    const answer = { reason: this.#reason.value.trim() };
    if (this.#verb === "resolve") {
      answer.outcome = new FormData(event.target).get("outcome");
      const text = this.#value.value.trim();
      try {
        if (text) answer.value = JSON.parse(text);
      } catch (error) {
        setText(this.#error, `The return value is not JSON: ${error.message}`);
        return;
      }
    }
    this.#answer = answer;
    this.#dialog.close();
  }

  #closed() {
    this.#dialog.remove();
    this.#settle(this.#answer);
  }
}

function consequence(verb, commands) {
  const hasParts = commands.some((one) => one.parts > 0);
  if (verb === "stop") return `It ends as stopped${hasParts ? ", with all below it" : ""}. What is running outside is stopped too, and what was done is undone.`;
  if (verb === "skip") return "The rest goes on without it. Look whether later steps need what it would have done.";
  if (verb === "clear") return "The system outside forgets the task. Whoever began it may still want to look at it.";
  if (verb === "resolve") return "Your word is taken for what happened. Look at the outside system first.";
  return hasEnded(commands[0])
    ? "It begins anew where it failed: what was done and not undone stays done."
    : "What got stuck is tried again; a lost outside task is given up and begun anew.";
}
