// The operators' verbs: their buttons, what is asked before they are carried out, and the order itself.

import { api } from "./api.js";
import { make, setAttribute } from "./dom.js";
import { askOrder } from "./order-dialog.js";
import { count, shortened, statusOf } from "./words.js";

export const VERBS = {
  stop: { word: "Stop", done: "Stop ordered", refused: "only what has not ended can be stopped" },
  restart: { word: "Restart", done: "Restarted", refused: "only what failed, was stopped or is stuck can be restarted" },
  skip: { word: "Skip", done: "Skipped", refused: "only a part that has not begun, or is stuck, can be skipped" },
  clear: { word: "Clear", done: "Clearing ordered", refused: "only the ended task of somebody else can be cleared" },
  resolve: { word: "Resolve", done: "Resolved", refused: "only what needs attention, or hangs after a stop, can be resolved" },
};

/**
 * Makes the buttons of a command: {element, show(command)}. Those that its state does not allow are left out,
 * or with `all` are shown switched off with the reason.
 */
export function verbButtons(onOrder, { all = false } = {}) {
  const buttons = Object.entries(VERBS).map(([verb, { word }]) => {
    const button = make("button", { class: "button verb", type: "button", disabled: true, "data-verb": verb, onclick: () => onOrder(verb) }, word);
    return [verb, button];
  });
  const show = (command) => {
    for (const [verb, button] of buttons) {
      const may = command.actions.includes(verb);
      button.hidden = !may && (!all || verb === "clear");
      button.disabled = !may;
      setAttribute(button, "aria-label", `${VERBS[verb].word} ${command.label}`);
      setAttribute(button, "title", may ? null : `${statusOf(command).word}: ${VERBS[verb].refused}`);
    }
  };
  return { element: make("span", { class: "verbs" }, buttons.map(([, button]) => button)), show };
}

/** Asks, orders, and tells how it went; gives whether anything was ordered. */
export async function order(app, verb, commands) {
  const answer = await askOrder(verb, commands);
  if (!answer) return false;
  const refusals = [];
  for (const command of commands) {
    try {
      await api.order(command.id, verb, answer);
    } catch (problem) {
      refusals.push(problem.message);
    }
  }
  const done = commands.length - refusals.length;
  if (done) app.notify(`${VERBS[verb].done}: ${named(commands, done)}`, "good");
  for (const refusal of refusals.slice(0, 3)) app.notify(refusal, "bad");
  if (refusals.length > 3) app.notify(`and ${count(refusals.length - 3, "more refusal")}`, "bad");
  await app.refresh();
  return true;
}

function named(commands, done) {
  return commands.length === 1 ? shortened(commands[0].label) : count(done, "command");
}
