// Draws very many parts as a strip of small squares, one for each, coloured by how it stands.

import { make, setAttribute } from "./dom.js";
import { STATUSES, statusOf } from "./words.js";

const SQUARE = 7; // pixels, the gap included
const LEAST_PARTS = 60;

/** The strip; calls `onChoose(step)` when a square is clicked. Below sixty parts the list itself is as clear. */
export class HeatStrip {
  #steps = [];
  #columns = 1;
  #canvas = make("canvas", { role: "img" });
  element = make("div", { class: "heat", hidden: true }, this.#canvas);

  constructor(onChoose) {
    this.#canvas.addEventListener("click", (event) => {
      const step = this.#at(event);
      if (step) onChoose(step);
    });
    this.#canvas.addEventListener("mousemove", (event) => setAttribute(this.#canvas, "title", this.#at(event)?.label));
  }

  show(steps) {
    this.#steps = steps;
    this.element.hidden = steps.length < LEAST_PARTS;
    if (this.element.hidden || !this.element.clientWidth) return;
    this.#columns = Math.max(1, Math.floor((this.element.clientWidth - 24) / SQUARE));
    setAttribute(this.#canvas, "aria-label", summary(steps));
    this.#draw();
  }

  #draw() {
    const ratio = devicePixelRatio || 1;
    const rows = Math.ceil(this.#steps.length / this.#columns);
    const [width, height] = [this.#columns * SQUARE, rows * SQUARE];
    this.#canvas.width = width * ratio;
    this.#canvas.height = height * ratio;
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${height}px`;
    const paint = this.#canvas.getContext("2d");
    paint.scale(ratio, ratio);
    const colours = this.#colours();
    this.#steps.forEach((step, index) => {
      paint.fillStyle = colours.get(step.status) ?? colours.get("pending");
      paint.fillRect((index % this.#columns) * SQUARE, Math.floor(index / this.#columns) * SQUARE, SQUARE - 1, SQUARE - 1);
    });
  }

  #colours() {
    const style = getComputedStyle(this.element);
    const probe = make("span");
    this.element.append(probe);
    const found = Object.entries(STATUSES).map(([status, { tone }]) => {
      probe.style.color = `var(--${NAMES[status] ?? TONES[tone]})`;
      return [status, getComputedStyle(probe).color || style.color];
    });
    probe.remove();
    return new Map(found);
  }

  #at({ offsetX, offsetY }) {
    return this.#steps[Math.floor(offsetY / SQUARE) * this.#columns + Math.floor(offsetX / SQUARE)];
  }
}

const TONES = { good: "good", bad: "bad", warn: "warn", alarm: "alarm", busy: "accent", quiet: "muted" };
const NAMES = { pending: "track", skipped: "line-strong" };

function summary(steps) {
  const counts = new Map();
  for (const step of steps) counts.set(statusOf(step).word, (counts.get(statusOf(step).word) ?? 0) + 1);
  const words = [...counts].map(([word, number]) => `${number.toLocaleString("en")} ${word.toLowerCase()}`);
  return `${steps.length.toLocaleString("en")} parts: ${words.join(", ")}`;
}
