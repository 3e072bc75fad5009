// The words and figures people read: statuses, times, durations, shortened ids.

import { now } from "./api.js";

/** Each status: its word, its sign, and its tone, which names the colour. */
export const STATUSES = {
  pending: { word: "Pending", sign: "○", tone: "quiet" },
  blocked: { word: "Blocked", sign: "◫", tone: "warn" },
  ready: { word: "Ready", sign: "◇", tone: "busy" },
  running: { word: "Running", sign: "◔", tone: "busy" },
  waiting: { word: "Waiting", sign: "◷", tone: "busy" },
  delayed: { word: "Delayed", sign: "◴", tone: "warn" },
  needs_attention: { word: "Needs attention", sign: "▲", tone: "alarm" },
  succeeded: { word: "Succeeded", sign: "✓", tone: "good" },
  failed: { word: "Failed", sign: "✕", tone: "bad" },
  stopped: { word: "Stopped", sign: "■", tone: "quiet" },
  skipped: { word: "Skipped", sign: "⇥", tone: "quiet" },
  compensated: { word: "Compensated", sign: "↶", tone: "quiet" },
};

export const ACTIVE = ["pending", "blocked", "ready", "running", "waiting", "delayed"];
const FINAL = new Set(["succeeded", "failed", "stopped", "skipped", "compensated"]);
const UNDOING = new Set(["undo_parts", "compensate", "start_compensate"]);

export function hasEnded(command) {
  return FINAL.has(command.status);
}

export function statusOf(command) {
  return STATUSES[command.status] ?? { word: command.status, sign: "?", tone: "quiet" };
}

/** Says in a few words what lies behind the status, for instance what is waited for; may be empty. */
export function statusNote(command) {
  if (command.ordered) return command.ordered;
  if (hasEnded(command) || command.status === "needs_attention") return "";
  if (UNDOING.has(command.phase)) return "undoing";
  if (command.phase === "end") return "ending";
  if (command.stopping) return "stopping";
  if (command.status === "waiting") return command.parts > 0 ? "for parts" : "outside";
  if (command.status === "blocked") return "by a lock";
  if (command.status === "delayed" && command.wake_at) return `until ${clock(command.wake_at)}`;
  return "";
}

const UUID = /\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;

/** Gives a text with the ids in it cut to eight characters. */
export function shortened(text) {
  return (text ?? "").replace(UUID, "$1…");
}

export function percent(command) {
  if (command.status === "succeeded") return 100;
  if (command.progress === null || command.progress === undefined) return null;
  return Math.max(0, Math.min(100, Math.round(command.progress * 100)));
}

/** Gives how long a command has run, in milliseconds; null when it has not begun. */
export function elapsed(command) {
  if (!command.start_time) return null;
  const until = command.end_time && hasEnded(command) ? Date.parse(command.end_time) : now();
  return Math.max(0, until - Date.parse(command.start_time));
}

export function duration(milliseconds) {
  if (milliseconds === null || Number.isNaN(milliseconds)) return "–";
  const seconds = Math.floor(milliseconds / 1000);
  if (milliseconds < 1000) return "< 1s";
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** Gives a time of day, with the date when it was not today. */
export function clock(time) {
  if (!time) return "–";
  const date = new Date(time);
  const isToday = date.toDateString() === new Date(now()).toDateString();
  const hours = date.toLocaleTimeString([], { hourCycle: "h23" });
  return isToday ? hours : `${date.toLocaleDateString([], { day: "numeric", month: "short" })} ${hours}`;
}

export function count(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}
