// Listens to the feed of changes: with the other tabs of the browser where that is possible, or else alone.

import { FeedSource } from "./feed-source.js";

const MISSED_BEATS = 2;
const GRACE_MS = 1000;

/**
 * What comes from the feed. Sends `change` events (detail: the change) and `state` events (detail: true while
 * it is live). `silenceMs` is how long nothing at all was heard, once that is more than it should be, or null.
 */
export class Feed extends EventTarget {
  #line;
  #heardAt = null;
  #beatMs = null;
  isLive = false;

  constructor() {
    super();
    const onTold = (news) => this.#take(news);
    try {
      this.#line = new SharedLine(onTold, () => this.#goAlone(onTold));
    } catch {
      this.#line = new FeedSource(onTold); // the browser has no shared workers
    }
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => event.persisted && this.open());
  }

  open() {
    this.#line.open();
  }

  close() {
    this.#line.close();
    this.#heardAt = null;
  }

  get silenceMs() {
    if (!this.isLive || this.#heardAt === null || this.#beatMs === null) return null;
    const silence = performance.now() - this.#heardAt;
    return silence > MISSED_BEATS * this.#beatMs + GRACE_MS ? silence : null;
  }

  #take(news) {
    this.#heardAt = performance.now();
    this.#beatMs = news.beatMs ?? this.#beatMs;
    if (news.change) this.dispatchEvent(new CustomEvent("change", { detail: news.change }));
    if (news.isLive === undefined) return;
    this.isLive = news.isLive;
    this.dispatchEvent(new CustomEvent("state", { detail: news.isLive }));
  }

  #goAlone(onTold) {
    this.#line = new FeedSource(onTold);
    this.#line.open();
  }
}

/** The connection that a shared worker holds; calls `onBroken()` when that cannot be started. */
class SharedLine {
  #port;

  constructor(onTold, onBroken) {
    const worker = new SharedWorker("/static/feed-worker.js", { type: "module", name: "orchestrator feed" });
    worker.addEventListener("error", onBroken, { once: true });
    this.#port = worker.port;
    this.#port.addEventListener("message", (event) => onTold(event.data));
    this.#port.start();
  }

  open() {
    this.#port.postMessage("open");
  }

  close() {
    this.#port.postMessage("close");
  }
}
