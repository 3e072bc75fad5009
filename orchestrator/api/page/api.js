// Asks the REST API. Every failure is a Problem, whether the API said it or nobody answered.

const ROOT = "/api/v1";
const PATIENCE_MS = 20_000;

let clockSkewMs = 0;

/** Gives the server's time in milliseconds: durations tick by it, whatever this machine's clock says. */
export function now() {
  return Date.now() + clockSkewMs;
}

/** What went wrong: `status` is the HTTP status, or 0 when there was no answer at all. */
export class Problem extends Error {
  constructor({ status, title, detail, errors }) {
    super(detail || title || `the API answered ${status}`);
    this.status = status;
    this.title = title || "";
    this.errors = errors || [];
  }

  get isAway() {
    return this.status === 0 || this.status >= 502;
  }
}

async function request(method, path, body) {
  const options = { method, headers: { Accept: "application/json" }, credentials: "same-origin" };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(ROOT + path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new Problem({ status: 0, title: "no answer", detail: "the API does not answer" });
  }
  noteTime(response.headers.get("Date"));
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Problem({ title: response.statusText, ...answer, status: response.status });
  return answer;
}

function noteTime(date) {
  const skew = Date.parse(date ?? "") - Date.now();
  // The header has whole seconds, so less than that is no skew.
  if (Math.abs(skew) > 2000) clockSkewMs = skew;
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

const id = encodeURIComponent;

export const api = {
  whoami: () => request("GET", "/whoami"),
  signIn: (token) => request("POST", "/session", { token }),
  signOut: () => request("DELETE", "/session"),
  commands: (filter) => request("GET", `/commands${query(filter)}`),
  command: (command) => request("GET", `/commands/${id(command)}`),
  tree: (command) => request("GET", `/commands/${id(command)}/tree`),
  parts: (command, filter) => request("GET", `/commands/${id(command)}/parts${query(filter)}`),
  events: (command, cursor) => request("GET", `/commands/${id(command)}/events${query({ cursor, limit: 200 })}`),
  order: (command, verb, order) => request("POST", `/commands/${id(command)}/${verb}`, order),
  troubles: () => request("GET", "/adapters/troubles"),
  preview: (command, verb) => request("GET", `/commands/${id(command)}/preview${query({ verb })}`),
  bulk: (order) => request("POST", "/commands/bulk", order),
  workers: () => request("GET", "/workers"),
  adapters: () => request("GET", "/adapters"),
  queues: () => request("GET", "/queues"),
  locks: (entity) => request("GET", `/locks${query({ entity })}`),
  feedPath: (after) => `${ROOT}/feed${query({ after })}`,
};
