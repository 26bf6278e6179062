/** What `control:` refers to: its certificate, and ports that nobody else of the configuration has. */
import { faultOfTls } from "../transport/index.ts";
import type { Config } from "./config.ts";
import { entryOf } from "./routes.ts";
import type { Context } from "./types.ts";
import type { Node, Position } from "./yaml.ts";

/** `isFile` complains of what is none. */
export async function checkControl(
  { control, listen }: Config,
  root: Node,
  context: Context,
  isFile: (path: string, at: Position) => Promise<boolean>,
): Promise<void> {
  const node = entryOf(root, "control")?.value;
  if (control === undefined) return;
  const list = entryOf(node, "listen")?.value;
  const at = (i: number): Position => (list?.kind === "list" ? list.items[i]?.at : list?.at) ?? node?.at ?? root.at;
  for (const [i, one] of control.listen.entries()) {
    if (one.port === 0) continue;
    const collides = (other: { host: string; port: number }) =>
      other.port === one.port && overlaps(other.host, one.host);
    if (control.listen.findIndex(collides) < i) context.problem(at(i), "control listens here already; take it out");
    const sip = listen.find((other) => other.transport !== "udp" && collides(other));
    if (sip !== undefined)
      context.problem(at(i), `port ${one.port} is that of ${sip.transport} in listen; each needs a port of its own`);
  }
  const keys = entryOf(node, "keys")?.value;
  for (const [i, { key }] of control.keys.entries())
    if (control.keys.findIndex((other) => other.key === key) < i)
      context.problem(
        (keys?.kind === "list" ? keys.items[i]?.at : keys?.at) ?? root.at,
        "this key is here a second time",
      );
  const { tls } = control;
  if (tls === undefined || tls.selfSigned) return;
  const files = entryOf(node, "tls")?.value;
  const there = await Promise.all([
    isFile(tls.cert, entryOf(files, "cert")?.value.at ?? root.at),
    isFile(tls.key, entryOf(files, "key")?.value.at ?? root.at),
  ]);
  const fault = there.every((one) => one)
    ? faultOfTls({ ...tls, ca: undefined, clients: "none", names: [] })
    : undefined;
  if (fault !== undefined) context.problem(files?.at ?? root.at, fault);
}

/** 0.0.0.0 takes every IPv4 address; :: is bound for IPv6 alone. */
export function overlaps(a: string, b: string): boolean {
  if (a === b) return true;
  if (a.includes(":") !== b.includes(":")) return false;
  return a === "0.0.0.0" || b === "0.0.0.0" || a === "::" || b === "::";
}
