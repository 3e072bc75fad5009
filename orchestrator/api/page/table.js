// Draws a plain table of a few rows.

import { make } from "./dom.js";

/** Makes a table: headings, rows of cells (texts or elements), and a caption for screen readers. */
export function table(headings, rows, caption) {
  return make(
    "div",
    { class: "table-scroll" },
    make(
      "table",
      {},
      make("caption", { class: "unseen" }, caption),
      make("thead", {}, make("tr", {}, headings.map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, rows.map((cells) => make("tr", {}, cells.map((cell) => make("td", {}, cell ?? "–"))))),
    ),
  );
}
