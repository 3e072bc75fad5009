// Reads what is typed into the filter box: words to look for, and pairs such as owner:alice.

import { ACTIVE } from "./words.js";

const FIELDS = {
  owner: "owner",
  status: "status",
  entity: "entity",
  on: "entity",
  kind: "kind",
  correlation: "correlation_id",
  req: "correlation_id",
};

/** Gives the query of the API for a text: `owner:alice entity:vm:vm-003 migrate` → {owner, entity, q}. */
export function readFilter(text) {
  const query = {};
  const words = [];
  for (const [, key, quoted, plain] of text.matchAll(/(?:(\w+):)?(?:"([^"]*)"|(\S+))/g)) {
    const value = quoted ?? plain;
    const field = key && FIELDS[key.toLowerCase()];
    if (field) query[field] = field === "status" ? statuses(value) : value;
    else words.push(key ? `${key}:${value}` : value);
  }
  if (words.length) query.q = words.join(" ");
  return query;
}

function statuses(value) {
  const named = value.toLowerCase().replaceAll("-", "_").split(",");
  return named.flatMap((one) => (one === "active" ? ACTIVE : one === "attention" ? ["needs_attention"] : [one])).join(",");
}
