// The page of one command: where it comes from, how it stands, what one can do, its steps over time.

import { api } from "./api.js";
import { adviceOn } from "./advice.js";
import { CommandHead } from "./command-head.js";
import { fill, make, refill } from "./dom.js";
import { Inspector } from "./inspector.js";
import { stepToShow } from "./steps.js";
import { Timeline } from "./timeline.js";
import { order } from "./verbs.js";
import { shortened } from "./words.js";

const MOST_PARTS = 3000;
const TELLING = "needs_attention,failed,running,delayed,blocked";

export class CommandView {
  tab = "commands";
  title = "Command · Orchestrator";
  #app;
  #id;
  #rootId = null;
  #chosen = null;
  #rootShown = null;
  #isRevealed = false;
  #trail = null;
  #head;
  #advice = make("div", { class: "advice", role: "region", "aria-label": "What happened", hidden: true });
  #timeline;
  #inspector;

  constructor(app, id) {
    this.#app = app;
    this.#id = id;
    const onOrder = (verb, command) => order(app, verb, command);
    this.#head = new CommandHead({ onOrder, notify: (text) => app.notify(text) });
    this.#timeline = new Timeline((command) => this.#choose(command.id));
    this.#inspector = new Inspector({ onOrder, onTab: () => this.#writeAddress() });
    const asked = new URLSearchParams(location.search);
    this.#chosen = asked.get("part");
    this.#inspector.tab = asked.get("tab");
    this.element = make(
      "section",
      { class: "command" },
      this.#head.element,
      this.#advice,
      make("div", { class: "command-parts" }, this.#timeline.element, this.#inspector.element),
    );
  }

  leave() {
    this.#timeline.close();
  }

  tick() {
    this.#head.tick();
    this.#timeline.tick();
  }

  async refresh(changed) {
    if (changed && this.#rootId && !changed.has(this.#rootId)) return;
    const detail = await api.command(this.#id);
    const tree = await this.#findSteps(detail);
    this.#rootId = tree.root_id;
    this.#rootShown = tree.id;
    this.title = `${tree.stuck ? "▲ " : ""}${shortened(tree.label)} · Orchestrator`;
    this.#trail ??= await this.#findTrail(tree);
    const holders = await this.#findHolders(detail);
    this.#head.show(tree, detail, this.#trail);
    this.#showAdvice(tree, holders);
    const wanted = this.#chosen ?? stepToShow(tree).id;
    const chosen = this.#timeline.show(tree, wanted) ?? (await this.#findPart(wanted)) ?? tree;
    if (!this.#isRevealed) this.#reveal(chosen);
    await this.#inspector.show(chosen, chosen.id === detail.id ? detail : null);
  }

  fail(problem) {
    const titles = { 403: "You may not see this", 404: "There is no such command" };
    fill(
      this.element,
      make("nav", { class: "trail", "aria-label": "Where this is" }, make("a", { href: "/" }, "Commands")),
      make("div", { class: "card empty" }, make("h1", {}, titles[problem.status] ?? "This could not be shown"), make("p", { class: "muted" }, problem.message)),
    );
  }

  redraw() {
    this.#app.refresh();
  }

  // The step that tells most is in sight from the start, and in the address, to be passed on.
  #reveal(step) {
    this.#isRevealed = true;
    if (step.id === this.#id || step.id === this.#rootShown) return;
    this.#chosen = step.id;
    this.#timeline.reveal(step.id);
    this.#writeAddress();
  }

  #writeAddress() {
    const said = new URLSearchParams();
    if (this.#chosen) said.set("part", this.#chosen);
    if (this.#inspector.tab !== "message") said.set("tab", this.#inspector.tab);
    history.replaceState(null, "", `${location.pathname}${said.size ? `?${said}` : ""}`);
  }

  // A part that is named in the address and is not among those that are shown.
  async #findPart(id) {
    try {
      const part = await api.command(id);
      return part.root_id === this.#rootId ? part : null;
    } catch {
      return null; // the address names nothing: the command itself is shown
    }
  }

  #choose(id) {
    this.#chosen = id;
    this.#writeAddress();
    const step = this.#timeline.choose(id);
    if (step) this.#inspector.show(step, null).catch(() => this.#app.refresh()); // which tells what is wrong
  }

  // The commands above this one, the root first. A tree is not deep, and this is asked once.
  async #findTrail(command) {
    const trail = [];
    for (let parent = command.parent_id; parent; parent = trail[0].parent_id) trail.unshift(await api.command(parent));
    return trail;
  }

  // A command of very many parts shows those that tell something, and the first of the rest.
  async #findSteps(detail) {
    if (detail.parts <= MOST_PARTS) return api.tree(detail.id);
    const pages = [api.parts(detail.id, { status: TELLING, limit: MOST_PARTS / 2 }), api.parts(detail.id, { limit: MOST_PARTS / 2 })];
    const found = (await Promise.all(pages)).flatMap((page) => page.items);
    const parts = [...new Map(found.map((one) => [one.id, one])).values()].sort((one, other) => one.order - other.order);
    return { ...detail, parts_list: parts, left: detail.parts - parts.length };
  }

  // For each lock that is waited for: who holds it.
  async #findHolders(detail) {
    const wanted = detail.locks.filter((lock) => !lock.held);
    return Promise.all(
      wanted.map(async (lock) => {
        const { items } = await api.locks(lock.entity);
        const holding = items.filter((one) => one.held && one.command_id !== detail.id);
        return { lock, holders: await Promise.all(holding.map((one) => api.command(one.command_id))) };
      }),
    );
  }

  #showAdvice(tree, holders) {
    const advice = adviceOn(tree, holders);
    this.#advice.hidden = !advice;
    if (!advice) return;
    this.#advice.dataset.tone = advice.tone;
    const step = advice.step && make("button", { class: "link", type: "button", onclick: () => this.#choose(advice.step.id) }, "Show this step");
    refill(this.#advice, make("h2", {}, advice.title), make("p", {}, advice.text, " ", step || ""), advice.holders?.map((one) => make("p", {}, "It is held by ", make("a", { href: `/commands/${one.id}` }, shortened(one.label)), ` (${one.owner}).`)), advice.todo && make("p", {}, make("strong", {}, "What you can do: "), advice.todo));
  }
}
