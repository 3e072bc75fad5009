// The connection to the feed of changes; it comes back by itself after every loss.

import { api } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/**
 * The live connection. Tells `onTold(news)` all that comes: {isLive} when that turns, {change} for a change,
 * {beatMs} for a heart-beat, of which one is due so often. A lost connection is resumed after the last change
 * seen, so none is missed.
 */
export class FeedSource {
  #onTold;
  #source = null;
  #last = null;
  #timer = null;
  #wait = FIRST_WAIT_MS;
  #beatMs = null;
  isLive = false;

  constructor(onTold) {
    this.#onTold = onTold;
  }

  get isOpen() {
    return this.#source !== null || this.#timer !== null;
  }

  open() {
    this.close();
    const source = new EventSource(api.feedPath(this.#last));
    source.addEventListener("open", () => this.#turn(true));
    source.addEventListener("ready", (event) => this.#ready(event));
    source.addEventListener("beat", () => this.#onTold({ beatMs: this.#beatMs }));
    source.addEventListener("change", (event) => this.#take(event));
    source.addEventListener("error", () => this.#lost());
    this.#source = source;
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#source?.close();
    this.#source = null;
  }

  #ready(event) {
    this.#last ??= event.lastEventId;
    this.#beatMs = JSON.parse(event.data).beat_s * 1000;
    this.#onTold({ beatMs: this.#beatMs });
  }

  #take(event) {
    if (event.lastEventId) this.#last = event.lastEventId;
    this.#onTold({ change: JSON.parse(event.data) });
  }

  // The browser tries again after a broken connection, but never after an error answer such as 503:
  // so every loss is treated alike, by our own clock.
  #lost() {
    this.close();
    this.#turn(false);
    this.#timer = setTimeout(() => this.open(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }

  #turn(isLive) {
    if (isLive) this.#wait = FIRST_WAIT_MS;
    this.isLive = isLive;
    this.#onTold({ isLive });
  }
}
