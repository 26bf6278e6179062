/** The generated parts of docs/api.md: the API's operations and events, from the tables that serve them. */
import { type ApiParts, apiOperations } from "../src/control/api/index.ts";
import { type FeedEntryType, feedEvents } from "../src/control/feed-events.ts";
import { LogTail } from "../src/log-tail.ts";
import { commandWords } from "../src/server/report-calls.ts";

type Row = readonly string[];

/** One row for each operation: what to ask, who may, what for. */
export function operationRows(): Row[] {
  // Operations are looked at here, and none is run: of a server they need the names of its commands alone.
  const server = { operator: { calls: { vocabulary: commandWords() } } };
  const parts = { server, logs: new LogTail() } as unknown as ApiParts;
  return apiOperations(parts).map(({ method, path, scopes, summary }) => {
    const allowed = scopes.filter((scope) => scope !== "admin");
    const who = scopes.length === 0 ? "everybody" : [...allowed, "admin"].map((scope) => `\`${scope}\``).join(", ");
    return [`\`${method} ${path.replace("+}", "}")}\``, summary, who];
  });
}

/** One row for each type of event. */
export function feedRows(): Row[] {
  return Object.entries<FeedEntryType>(feedEvents).map(([type, { doc, data }]) => {
    const members = Object.entries(data).map(([name, { kind }]) => `\`${name}${kind.endsWith("?") ? "?" : ""}\``);
    return [`\`${type}\``, doc, members.join(", ")];
  });
}
