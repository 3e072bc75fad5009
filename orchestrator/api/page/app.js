// Starts the page: routes an address to its view, and refreshes that view as the feed tells of changes.

import { api, Problem } from "./api.js";
import { CommandView } from "./command-view.js";
import { CommandsView } from "./commands-view.js";
import { Feed } from "./feed.js";
import { LocksView } from "./locks-view.js";
import { Notices } from "./notices.js";
import { Pace } from "./pace.js";
import { Shell } from "./shell.js";
import { SignIn, signInByLink } from "./sign-in.js";
import { sayWhyNot } from "./verbs.js";
import { WorkersView } from "./workers-view.js";

const RETRY_MS = 3000;
const TICK_MS = 1000;
const OURS = /^\/(|workers|locks|commands\/[^/]+)$/;

class App {
  #feed = new Feed();
  #pace = new Pace(() => this.#refresh());
  #changed = new Set();
  #all = true;
  #view = null;
  #commands = null;
  #isSigningIn = false;
  #main = document.getElementById("view");
  #notices = new Notices(document.getElementById("banner"), document.getElementById("notes"));
  #shell = new Shell(document.getElementById("shell"), {
    onPause: (isPaused) => this.#pause(isPaused),
    onSignOut: () => api.signOut().then(() => this.#signIn()),
  });

  start() {
    this.#feed.addEventListener("state", (event) => this.#feedTurned(event.detail));
    this.#feed.addEventListener("change", (event) => this.#changedRoot(event.detail.root_id));
    addEventListener("popstate", () => this.#route());
    document.addEventListener("click", (event) => this.#follow(event));
    document.addEventListener("visibilitychange", () => this.#pace.pause(this.#isHeld()));
    setInterval(() => document.hidden || this.#tick(), TICK_MS);
    this.#route();
    this.#feed.open();
    this.#introduce();
  }

  #tick() {
    this.#shell.silent(this.#feed.silenceMs);
    this.#view?.tick?.();
  }

  /** Shows another address of this page. */
  go(path) {
    if (path !== location.pathname + location.search) history.pushState(null, "", path);
    this.#route();
  }

  /** Tells people that something was done, or why not. */
  notify(text, tone) {
    this.#notices.notify(text, tone);
  }

  /** Draws again what is known, after something was changed by hand. */
  redraw() {
    this.#view.redraw?.();
  }

  /** Shows the present state at once. */
  refresh() {
    this.#all = true;
    return this.#pace.force();
  }

  async #introduce() {
    try {
      const person = await api.whoami();
      sayWhyNot(person.cannot);
      this.#shell.greet(person);
    } catch (problem) {
      if (problem.status === 401) this.#signIn();
    }
  }

  #route() {
    this.#view?.leave?.();
    this.#view = this.#viewOf(location.pathname);
    this.#shell.mark(this.#view.tab);
    if (!this.#isSigningIn) this.#show(this.#view.element);
    this.#view.enter?.();
    document.title = this.#view.title;
    this.refresh();
  }

  #viewOf(path) {
    const command = /^\/commands\/([^/]+)\/?$/.exec(path);
    if (command) return new CommandView(this, decodeURIComponent(command[1]));
    if (path === "/workers") return new WorkersView(this);
    if (path === "/locks") return new LocksView(this);
    this.#commands ??= new CommandsView(this); // kept: coming back finds the list as it was left
    return this.#commands;
  }

  #show(element) {
    this.#main.replaceChildren(element);
  }

  #follow(event) {
    const link = event.target.closest?.("a[href]");
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || event.defaultPrevented || link.target || link.origin !== location.origin) return;
    if (!OURS.test(link.pathname) || link.hash) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
    scrollTo(0, this.#view.scroll ?? 0);
  }

  async #refresh() {
    if (this.#isSigningIn) return;
    const view = this.#view;
    const changed = this.#all ? null : new Set(this.#changed);
    this.#changed.clear();
    this.#all = false;
    try {
      await view.refresh(changed);
      this.#notices.clear();
      document.title = this.#view.title;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.#all = true;
      if (view === this.#view) this.#complain(problem);
    }
  }

  #complain(problem) {
    if (problem.status === 401) this.#signIn();
    else if (problem.isAway || problem.status === 503) {
      const what = problem.isAway ? "The API does not answer" : `The API cannot work now: ${problem.message}`;
      this.#notices.warn(`${what}. What you see may be old; trying again.`);
      this.#pace.ask(RETRY_MS);
    } else if (this.#view.fail) this.#view.fail(problem);
    else this.#notices.warn(problem.message);
  }

  #signIn() {
    if (this.#isSigningIn) return; // what is being typed stays
    this.#isSigningIn = true;
    this.#feed.close();
    this.#notices.clear();
    const form = new SignIn(async () => {
      this.#isSigningIn = false;
      this.#show(this.#view.element);
      this.#feed.open();
      await this.#introduce();
      await this.refresh();
    });
    this.#show(form.element);
    form.focus();
  }

  #changedRoot(root) {
    this.#changed.add(root);
    this.#pace.ask();
  }

  #feedTurned(isLive) {
    this.#shell.live(isLive);
    this.#all = true; // what changed while nobody listened is unknown
    if (isLive) this.#pace.ask();
    else if (!document.hidden) this.#pace.ask(RETRY_MS);
  }

  #pause(isPaused) {
    this.#shell.live(this.#feed.isLive);
    this.#pace.pause(isPaused || document.hidden);
  }

  #isHeld() {
    return document.hidden || this.#shell.isPaused;
  }
}

await signInByLink();
new App().start();
