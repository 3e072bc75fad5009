// Draws the bar at the top: tabs, whether the view is live, pause, light and dark, who is there.

import { fill, make, setAttribute, setText } from "./dom.js";
import { duration } from "./words.js";

const TABS = [
  ["commands", "Commands", "/"],
  ["workers", "Workers", "/workers"],
  ["locks", "Locks", "/locks"],
];

/** The bar at the top. Calls `onPause(isPaused)` and `onSignOut()`. */
export class Shell {
  #tabs = new Map(TABS.map(([name, text, href]) => [name, make("a", { class: "tab", href }, text)]));
  #live = make("span", { class: "live", role: "status" });
  #pause = make("button", { class: "button", type: "button", "aria-pressed": "false" }, "Pause updates");
  #who = make("span", { class: "who" });
  #flower = make("span", { class: "tab-slot" });
  #isLive = null;
  #silenceMs = null;
  isPaused = false;

  constructor(element, { onPause, onSignOut }) {
    this.onSignOut = onSignOut;
    this.#pause.addEventListener("click", () => {
      this.isPaused = !this.isPaused;
      setText(this.#pause, this.isPaused ? "Resume" : "Pause updates");
      setAttribute(this.#pause, "aria-pressed", String(this.isPaused));
      onPause(this.isPaused);
    });
    const theme = make(
      "button",
      { class: "button icon", type: "button", "aria-label": "Light or dark", title: "Light or dark", onclick: () => window.theme.toggle() },
      "◐",
    );
    fill(
      element,
      make("a", { class: "brand", href: "/" }, "Orchestrator"),
      make("nav", { class: "tabs", "aria-label": "Views" }, [...this.#tabs.values()], this.#flower),
      make("div", { class: "shell-end" }, this.#live, this.#pause, theme, this.#who),
    );
    this.live(null);
  }

  /** Marks the tab of the view that is shown. */
  mark(name) {
    for (const [tab, link] of this.#tabs) setAttribute(link, "aria-current", tab === name ? "page" : null);
  }

  /** Shows whether changes come in: true, false, or null while it is not known yet. */
  live(isLive) {
    this.#isLive = isLive;
    this.#showState();
  }

  /** Shows for how many milliseconds nothing was heard, not even a heart-beat; null when all is well. */
  silent(silenceMs) {
    this.#silenceMs = silenceMs;
    this.#showState();
  }

  #showState() {
    const isLive = this.#isLive;
    const isSilent = isLive && this.#silenceMs !== null;
    const state = this.isPaused ? "paused" : isLive === null ? "connecting" : isSilent ? "silent" : isLive ? "live" : "lost";
    const last = `Last news ${duration(this.#silenceMs)} ago`;
    const words = { paused: "Paused", connecting: "Connecting", live: "Live", lost: "Reconnecting", silent: last };
    setAttribute(this.#live, "data-state", state);
    setText(this.#live, words[state]);
  }

  /** Shows who is signed in (the answer of whoami), and links to Flower where there is one. */
  greet(person) {
    fill(
      this.#who,
      make("span", { class: "who-name" }, `${person.name} · ${person.role}`),
      make("button", { class: "link", type: "button", onclick: this.onSignOut }, "Sign out"),
    );
    const flower = person.flower_url;
    fill(this.#flower, flower && make("a", { class: "tab", href: flower, target: "_blank", rel: "noopener" }, "Flower ↗"));
  }
}
