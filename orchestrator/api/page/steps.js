// Looks through a tree of steps: all of them, the one that explains how it stands, what they add up to.

import { hasEnded } from "./words.js";

/** Gives a command and all below it, each parent before its parts. */
export function* everyStep(tree) {
  yield tree;
  for (const part of tree.parts_list ?? []) yield* everyStep(part);
}

/** Tells whether a command or anything below it is so. */
export function anyStep(tree, isSo) {
  for (const step of everyStep(tree)) if (isSo(step)) return true;
  return false;
}

const TELLING = ["needs_attention", "failed", "blocked", "delayed", "running", "waiting"];

/** Gives the step that people want to see first: the deepest one that is stuck, failed or under way. */
export function stepToShow(tree) {
  let best = tree;
  let rank = TELLING.length;
  for (const step of everyStep(tree)) {
    // A final root hides what failed in passing, and a best-effort failure does not explain anything.
    const place = TELLING.indexOf(step.status);
    const tells = place >= 0 && !(step.best_effort && hasEnded(step)) && (!hasEnded(tree) || tree.status === "failed");
    if (tells && (place < rank || (place === rank && isBelow(step, best)))) [best, rank] = [step, place];
  }
  return best;
}

/** Gives the first step with a status that is not there because of a part of its own. */
export function culprit(tree, status) {
  let found = null;
  for (const step of everyStep(tree)) {
    if (step.status === status && !(step.best_effort && status === "failed") && (!found || isBelow(step, found))) found = step;
  }
  return found;
}

export function countSteps(tree, status) {
  let number = 0;
  for (const step of everyStep(tree)) if (step.status === status && !step.parts) number += 1;
  return number;
}

function isBelow(step, other) {
  return step.parent_id === other.id;
}
