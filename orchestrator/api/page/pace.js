// Paces refreshes: soon after the first change, never two at once, and never more than the API can bear.

const SOON_MS = 150;
const LEAST_GAP_MS = 500;
// A refresh that takes long (a tree of thousands of parts) may use a fifth of the time, not all of it.
const GAP_PER_COST = 4;

/** Runs `refresh` when asked; asking again before it ran, or while it runs, adds one run and no more. */
export class Pace {
  #refresh;
  #timer = null;
  #isRunning = false;
  #isAsked = false;
  #notBefore = 0;
  isPaused = false;

  constructor(refresh) {
    this.#refresh = refresh;
  }

  /** Asks for a refresh; `delay` in milliseconds is the least time to wait. */
  ask(delay = SOON_MS) {
    this.#isAsked = true;
    if (this.#timer !== null || this.#isRunning || this.isPaused) return;
    const wait = Math.max(delay, this.#notBefore - performance.now());
    this.#timer = setTimeout(() => this.#run(), wait);
  }

  /** Runs now, paused or not: somebody did something and waits to see it. */
  async force() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#isRunning) this.#isAsked = true;
    else await this.#run();
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    if (isPaused) {
      clearTimeout(this.#timer);
      this.#timer = null;
    } else if (this.#isAsked) this.ask(0);
  }

  async #run() {
    this.#timer = null;
    this.#isAsked = false;
    this.#isRunning = true;
    const begun = performance.now();
    try {
      await this.#refresh();
    } finally {
      this.#isRunning = false;
      const cost = performance.now() - begun;
      this.#notBefore = performance.now() + Math.max(LEAST_GAP_MS, cost * GAP_PER_COST);
      if (this.#isAsked) this.ask(0);
    }
  }
}
