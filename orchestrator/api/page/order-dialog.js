// Asks before a verb is carried out: what it will do, why it is wanted, and for resolve how it came out.

import { make, setText } from "./dom.js";

const TITLES = { stop: "Stop", restart: "Restart", skip: "Skip", clear: "Clear", resolve: "Resolve" };
const NEEDS_REASON = new Set(["skip", "clear", "resolve"]);

/**
 * Gives {reason, outcome?, value?}, or null when it was called off. `name` is whom the verb is for, and
 * `foresee()` gives a sentence on what it would do.
 */
export function askOrder({ verb, name, foresee }) {
  return new Promise((settle) => new OrderDialog(verb, name, foresee, settle).open());
}

class OrderDialog {
  #verb;
  #settle;
  #foresee;
  #answer = null;
  #effect = make("p", { class: "effect", role: "status" }, "Looking what it would do …");
  #reason = make("textarea", { id: "reason", class: "field", rows: "2", maxlength: "500" });
  #value = make("textarea", { id: "value", class: "field code", rows: "2", spellcheck: "false" });
  #error = make("p", { class: "form-error", role: "alert" });
  #dialog;

  constructor(verb, name, foresee, settle) {
    this.#verb = verb;
    this.#foresee = foresee;
    this.#settle = settle;
    this.#reason.required = NEEDS_REASON.has(verb);
    this.#dialog = make(
      "dialog",
      { class: "dialog", "aria-labelledby": "order-title", onclose: () => this.#closed() },
      make(
        "form",
        { method: "dialog", onsubmit: (event) => this.#submit(event) },
        make("h2", { id: "order-title" }, `${TITLES[verb]} ${name}?`),
        this.#effect,
        make("p", { class: "muted" }, CONSEQUENCES[verb]),
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
    this.#foresee().then(
      (sentence) => setText(this.#effect, sentence),
      () => (this.#effect.hidden = true), // the order itself will tell what is wrong
    );
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

const CONSEQUENCES = {
  stop: "It ends as stopped. What is running outside is stopped too, and what was done is undone.",
  restart: "It goes on where it failed or got stuck: what was done and not undone stays done.",
  skip: "The rest goes on without it. Look whether later steps need what it would have done.",
  clear: "The system outside forgets the task. Whoever began it may still want to look at it.",
  resolve: "Your word is taken for what happened. Look at the outside system first.",
};
