// The operators' verbs: their buttons, what is asked before they are carried out, and the order itself.

import { api } from "./api.js";
import { make, setAttribute } from "./dom.js";
import { askOrder } from "./order-dialog.js";
import { count, shortened } from "./words.js";

const MOST_AT_ONCE = 500;

export const VERBS = {
  stop: { word: "Stop", done: "Stop ordered", going: "stopping…" },
  restart: { word: "Restart", done: "Restarted", going: "restarting…" },
  skip: { word: "Skip", done: "Skipped", going: "skipping…" },
  clear: { word: "Clear", done: "Clearing ordered", going: "clearing…", isRare: true },
  resolve: { word: "Resolve", done: "Resolved", going: "resolving…" },
};

let cannot = null;

/** Takes why who looks may order nothing at all; null when they may. */
export function sayWhyNot(reason) {
  cannot = reason;
}

/**
 * Makes the buttons of a command: {element, show(command)}. Those that its state does not allow are left out,
 * or with `all` are shown switched off with the reason; those that only one's role forbids are always shown.
 */
export function verbButtons(onOrder, { all = false } = {}) {
  const buttons = Object.entries(VERBS).map(([verb, { word }]) => {
    const button = make("button", { class: "button verb", type: "button", disabled: true, "data-verb": verb, onclick: () => onOrder(verb) }, word);
    return [verb, button];
  });
  const show = (command) => {
    for (const [verb, button] of buttons) {
      const may = command.actions.includes(verb);
      const why = command.refused?.[verb] ?? null;
      button.hidden = !may && (!all || VERBS[verb].isRare) && !(cannot && why === cannot);
      button.disabled = !may || Boolean(command.ordered);
      setAttribute(button, "aria-label", `${VERBS[verb].word} ${command.label}`);
      setAttribute(button, "title", may ? null : why);
    }
  };
  return { element: make("span", { class: "verbs" }, buttons.map(([, button]) => button)), show };
}

/** Asks, orders of one command, and tells how it went; gives whether it was ordered. */
export async function order(app, verb, command) {
  const answer = await askOrder({ verb, name: `“${shortened(command.label)}”`, foresee: () => foreseeOne(verb, command) });
  if (!answer) return false;
  command.ordered = VERBS[verb].going; // until what is fetched next says how it stands
  app.redraw();
  try {
    await api.order(command.id, verb, answer);
    app.notify(`${VERBS[verb].done}: ${shortened(command.label)}`, "good");
  } catch (problem) {
    command.ordered = null;
    app.notify(problem.message, "bad");
  }
  await app.refresh();
  return true;
}

/** Asks and orders of many: of `target` {ids}, or {query} for all that it finds, `number` of them. */
export async function orderMany(app, verb, target, number) {
  const many = { ...target, verb, limit: MOST_AT_ONCE };
  const answer = await askOrder({ verb, name: count(number, "command"), foresee: (outcome) => foreseeMany({ ...many, outcome }) });
  if (!answer) return false;
  try {
    tell(app, verb, await api.bulk({ ...many, ...answer }));
  } catch (problem) {
    app.notify(problem.message, "bad");
  }
  await app.refresh();
  return true;
}

function tell(app, verb, result) {
  const refused = result.items.filter((one) => one.refused);
  if (result.done) app.notify(`${VERBS[verb].done}: ${count(result.done, "command")}`, "good");
  for (const one of refused.slice(0, 3)) app.notify(`${one.label ?? one.id}: ${one.refused}`, "bad");
  if (refused.length > 3) app.notify(`and ${count(refused.length - 3, "more refusal")}`, "bad");
  if (result.more) app.notify(`There are more than ${MOST_AT_ONCE}: order again for the rest.`, "bad");
}

async function foreseeOne(verb, command) {
  const { sentence } = await api.preview(command.id, verb);
  return `It ${sentence}.`;
}

async function foreseeMany(order) {
  const outcome = order.verb === "resolve" ? "succeeded" : undefined;
  const tried = await api.bulk({ ...order, outcome, dry_run: true });
  const refused = tried.refused ? `, and ${count(tried.refused, "command")} would refuse` : "";
  return `${count(tried.done, "command")} would take it${refused}.${tried.more ? " There are more; these come first." : ""}`;
}
