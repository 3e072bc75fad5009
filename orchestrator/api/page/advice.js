// Says in words what is wrong with a command and what one can do about it.

import { countSteps, culprit } from "./steps.js";
import { clock, count, shortened } from "./words.js";

const LONGEST = 200;

/** Gives {tone, title, text, todo?, step?} for the box at the top of a command, or null when all is well. */
export function adviceOn(tree, holders) {
  const stuck = culprit(tree, "needs_attention");
  if (stuck) return onStuck(tree, stuck);
  switch (tree.status) {
    case "failed": return onFailed(tree);
    case "stopped": return { tone: "quiet", title: "It was stopped", text: sentence(tree.message) + undone(tree), todo: todo(tree) };
    case "blocked": return onBlocked(tree, holders);
    case "delayed": return onDelayed(tree);
    default: return tree.stopping ? onStopping(tree) : null;
  }
}

function onStuck(tree, step) {
  return {
    tone: "alarm",
    title: `${named(tree, step)} needs attention`,
    text: sentence(step.message ?? "nobody can say how it came out"),
    todo: stuckTodo(step),
    step: step.id === tree.id ? null : step,
  };
}

function stuckTodo(step) {
  const ways = {
    restart: "Restart to try it again",
    resolve: "Resolve to say how it came out, once you have looked at the outside system",
    skip: "Skip to go on without it",
    stop: "Stop to give the whole up",
  };
  const open = Object.keys(ways).filter((verb) => step.actions.includes(verb));
  return open.length ? `${open.map((verb) => ways[verb]).join("; ")}.` : null;
}

function onFailed(tree) {
  const step = culprit(tree, "failed") ?? tree;
  return {
    tone: "bad",
    title: `${named(tree, step)} failed${step.message ? `: ${brief(step.message)}` : ""}`,
    text: (step.tries > 1 ? `It was tried ${count(step.tries, "time")}. ` : "") + undone(tree),
    todo: todo(tree),
    step: step.id === tree.id ? null : step,
  };
}

function onBlocked(tree, holders) {
  const named = holders.map(({ lock }) => `the ${lock.mode} lock on ${lock.entity}`).join(" and ");
  return {
    tone: "warn",
    title: `Waits for ${named || "a lock"}`,
    holders: holders.flatMap((one) => one.holders),
    text: "It goes on by itself as soon as the lock is free; whoever came first gets it first.",
    todo: tree.actions.includes("stop") ? "wait, stop the command that holds the lock, or Stop this one." : null,
  };
}

function onDelayed(tree) {
  return {
    tone: "warn",
    title: `Tries again at ${clock(tree.wake_at)}`,
    text: `${sentence(tree.message)} ${tree.tries ? `${count(tree.tries, "try")} so far.`.replace("trys", "tries") : ""}`,
  };
}

function onStopping(tree) {
  const held = culprit(tree, "running");
  const hangs = held?.actions.includes("resolve");
  return {
    tone: "warn",
    title: tree.stopping === "failed" ? "It ran past its deadline and is being ended" : "It is being stopped",
    text: `${sentence(tree.message)} What runs outside is stopped first, then what was done is undone.`,
    todo: hangs ? `wait for ${lower(named(tree, held))}, whose verb has not come back. Should it hang, Resolve it: say how it came out.` : null,
    step: hangs && held.id !== tree.id ? held : null,
  };
}

function undone(tree) {
  const number = countSteps(tree, "compensated");
  const skipped = countSteps(tree, "skipped");
  const parts = [];
  if (number) parts.push(`${count(number, "step")} that had succeeded ${number === 1 ? "was" : "were"} undone`);
  if (skipped) parts.push(`${count(skipped, "step")} never began`);
  return parts.length ? `${capital(parts.join("; "))}.` : "";
}

function todo(tree) {
  return tree.actions.includes("restart") ? "remove the cause, then Restart: it begins anew where it failed." : null;
}

function named(tree, step) {
  return step.id === tree.id ? "This command" : `Step “${shortened(step.label)}”`;
}

function sentence(text) {
  if (!text) return "";
  return `${capital(brief(text)).replace(/[.\s]+$/, "")}. `;
}

// The whole of a long message stands in the inspector beside it, once.
function brief(text) {
  const whole = shortened(text);
  return whole.length > LONGEST ? `${whole.slice(0, LONGEST).trimEnd()} …` : whole;
}

function lower(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
