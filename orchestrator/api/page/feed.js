// Listens to the feed of changes, and comes back by itself after every loss of the connection.

import { api } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/**
 * The live connection. Sends `change` events (detail: the change) and `state` events (detail: true while
 * it is live). A lost connection is resumed after the last change seen, so none is missed.
 */
export class Feed extends EventTarget {
  #source = null;
  #last = null;
  #timer = null;
  #wait = FIRST_WAIT_MS;
  isLive = false;

  open() {
    this.close();
    const source = new EventSource(api.feedPath(this.#last));
    source.addEventListener("open", () => this.#turn(true));
    source.addEventListener("change", (event) => this.#take(event));
    source.addEventListener("error", () => this.#lost());
    this.#source = source;
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #take(event) {
    if (event.lastEventId) this.#last = event.lastEventId;
    this.dispatchEvent(new CustomEvent("change", { detail: JSON.parse(event.data) }));
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
    this.dispatchEvent(new CustomEvent("state", { detail: isLive }));
  }
}
