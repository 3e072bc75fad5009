// Asks for a token when the API wants to know who is there.

import { api } from "./api.js";
import { make, setText } from "./dom.js";

/** The sign-in form; calls `onDone()` once the API has taken the token and set its cookie. */
export class SignIn {
  #token = make("input", {
    id: "token", class: "field", type: "password", autocomplete: "current-password", required: true, spellcheck: "false",
  });
  #error = make("p", { class: "form-error", role: "alert" });
  #onDone;

  constructor(onDone) {
    this.#onDone = onDone;
    this.element = make(
      "form",
      { class: "card sign-in", onsubmit: (event) => this.#submit(event) },
      make("h1", {}, "Sign in"),
      make("p", { class: "muted" }, "Paste a token. Whoever runs the orchestrator makes one with:"),
      make("pre", { class: "code" }, "orchestrator token create NAME --role operator"),
      make("label", { for: "token" }, "Token"),
      this.#token,
      this.#error,
      make("button", { class: "button primary", type: "submit" }, "Sign in"),
    );
  }

  focus() {
    this.#token.focus();
  }

  async #submit(event) {
    event.preventDefault();
    try {
      await api.signIn(this.#token.value.trim());
    } catch (problem) {
      setText(this.#error, problem.status === 401 ? "This token is unknown or was revoked." : problem.message);
      this.#token.select();
      return;
    }
    await this.#onDone();
  }
}

/** Signs in by what a sign-in link carries behind its #, and takes that out of the address, the history included. */
export async function signInByLink() {
  const secret = /^#sign-in=([\w-]+)$/.exec(location.hash)?.[1];
  if (!secret) return;
  history.replaceState(null, "", location.pathname + location.search);
  await api.signIn(secret).catch(() => {});  // too late: the form asks
}
