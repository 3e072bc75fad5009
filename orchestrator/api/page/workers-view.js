// The processes that do the work, and whether they are alive.

import { api, now } from "./api.js";
import { fill, make, refill } from "./dom.js";
import { table } from "./table.js";
import { clock, count, duration, shortened } from "./words.js";

const REFRESH_TICKS = 5;

export class WorkersView {
  tab = "workers";
  title = "Workers · Orchestrator";
  #app;
  #ticks = 0;
  #content = make("div", { class: "card" });
  #queues = make("div");
  #troubles = make("div");
  #systems = make("div");
  element = make("section", { class: "plain" }, make("h1", {}, "Workers"), this.#troubles, this.#content, this.#systems, this.#queues);

  constructor(app) {
    this.#app = app;
    this.#examine();
  }

  // Outside systems are asked once, when the view is opened: that may take some seconds.
  async #examine() {
    const troubles = await api.troubles().catch(() => ({ items: [] }));
    fill(this.#troubles, troubles.items.length ? drawTroubles(troubles.items) : null);
  }

  // A heartbeat is no change of a command, so the feed is silent about it.
  tick() {
    this.#ticks += 1;
    if (this.#ticks % REFRESH_TICKS === 0) this.#app.refresh();
  }

  async refresh() {
    const nothing = () => ({ items: [] });
    const [workers, queues, adapters] = await Promise.all([api.workers(), api.queues().catch(nothing), api.adapters().catch(nothing)]);
    const systems = adapters.items.flatMap((adapter) => adapter.systems.map((one) => ({ ...one, adapter })));
    refill(this.#systems, systems.length ? [make("h2", {}, "Outside systems"), make("div", { class: "card" }, drawSystems(systems))] : null);
    refill(this.#content, workers.items.length ? drawWorkers(workers.items) : nobody());
    refill(this.#queues, queues.items.length ? [make("h2", {}, "Queues"), make("div", { class: "card" }, drawQueues(queues.items))] : null);
  }

  fail(problem) {
    fill(this.#content, make("div", { class: "empty" }, make("h2", {}, "This could not be shown"), make("p", { class: "muted" }, problem.message)));
  }
}

function drawWorkers(workers) {
  const rows = workers.map((one) => [
    make("strong", {}, one.name),
    one.role,
    make("span", { class: "status", "data-tone": one.alive ? "good" : "bad" }, make("span", { class: "sign", "aria-hidden": "true" }, one.alive ? "●" : "✕"), one.alive ? "Alive" : `Silent since ${clock(one.alive_until)}`),
    `${one.host} · ${one.pid}`,
    duration(now() - Date.parse(one.started_at)),
    drawRunning(one),
    one.kinds?.length ? make("span", { title: one.kinds.join("\n") }, count(one.kinds.length, "kind")) : "–",
  ]);
  return table(["Name", "Role", "State", "Host and process", "Up for", "Running now", "Knows"], rows, "Workers");
}

function drawTroubles(troubles) {
  const rows = troubles.map((one) => [
    make("span", { class: "status", "data-tone": "bad" }, make("span", { class: "sign", "aria-hidden": "true" }, "✕"), `${one.adapter} · ${one.place}`),
    one.problem,
    one.advice,
  ]);
  return [make("h2", {}, "Not reached"), make("div", { class: "card" }, table(["Where", "What is wrong", "What to do"], rows, "Not reached"))];
}

function drawSystems(systems) {
  const rows = systems.map((one) => [
    make("strong", {}, `${one.adapter.name} · ${one.scope}`),
    answerOf(one),
    one.asked_at ? clock(one.asked_at) : "–",
    String(one.open_tasks),
    String(one.found),
  ]);
  return table(["System", "State", "Asked last", "Open tasks", "Begun by others"], rows, "Outside systems");
}

function answerOf(one) {
  if (one.answers === null) return one.adapter.pushes ? "Reports by itself" : "Not asked yet";
  const [sign, tone, words] = one.answers ? ["●", "good", "Answers"] : ["✕", "bad", `Since ${clock(one.problem_since)}: ${one.problem}`];
  return make("span", { class: "status", "data-tone": tone }, make("span", { class: "sign", "aria-hidden": "true" }, sign), words);
}

function drawRunning(worker) {
  const running = worker.running ?? [];
  const more = (worker.claims ?? 0) - running.length;
  if (!running.length) return "–";
  return make("span", { class: "running" }, running.map((one) => make("a", { href: `/commands/${one.id}` }, shortened(one.label))), more > 0 && `and ${more} more`);
}

function drawQueues(queues) {
  return table(["Queue", "Messages"], queues.map((one) => [one.name, String(one.length)]), "Queues");
}

function nobody() {
  return make("div", { class: "empty" }, make("h2", {}, "No workers"), make("p", { class: "muted" }, "Nothing runs until one is started: orchestrator up worker"));
}
