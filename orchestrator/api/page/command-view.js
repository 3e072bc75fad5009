// The page of one command: where it comes from, how it stands, what one can do, its steps over time.

import { api } from "./api.js";
import { adviceOn } from "./advice.js";
import { CommandHead } from "./command-head.js";
import { fill, make } from "./dom.js";
import { Inspector } from "./inspector.js";
import { stepToShow } from "./steps.js";
import { Timeline } from "./timeline.js";
import { order } from "./verbs.js";
import { shortened } from "./words.js";

const MOST_PARTS = 400;
const TELLING = "needs_attention,failed,running,delayed,blocked";

export class CommandView {
  tab = "commands";
  title = "Command · Orchestrator";
  #app;
  #id;
  #rootId = null;
  #chosen = null;
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
    this.#inspector = new Inspector({ onOrder });
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
    this.title = `${shortened(tree.label)} · Orchestrator`;
    this.#trail ??= await this.#findTrail(tree);
    const holders = await this.#findHolders(detail);
    this.#head.show(tree, detail, this.#trail);
    this.#showAdvice(tree, holders);
    const chosen = this.#timeline.show(tree, this.#chosen ?? stepToShow(tree).id) ?? tree;
    await this.#inspector.show(chosen, chosen.id === detail.id ? detail : null);
  }

  fail(problem) {
    const titles = { 403: "You may not see this", 404: "There is no such command" };
    fill(
      this.element,
      make("nav", { class: "trail", "aria-label": "Where this is" }, make("a", { href: "/" }, "Commands")),
      make("div", { class: "card empty" }, make("h2", {}, titles[problem.status] ?? "This could not be shown"), make("p", { class: "muted" }, problem.message)),
    );
  }

  #choose(id) {
    this.#chosen = id;
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
    fill(this.#advice, make("h2", {}, advice.title), make("p", {}, advice.text, " ", step || ""), advice.holders?.map((one) => make("p", {}, "It is held by ", make("a", { href: `/commands/${one.id}` }, shortened(one.label)), ` (${one.owner}).`)), advice.todo && make("p", {}, make("strong", {}, "What you can do: "), advice.todo));
  }
}
