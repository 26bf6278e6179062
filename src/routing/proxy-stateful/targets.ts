/** The order in which targets are tried (RFC 3261 §16.6, §16.7), and how Max-Breadth is shared out (RFC 5393 §5.3). */
import type { Request } from "../../sip/message.ts";
import type { ProxyTarget } from "../target.ts";

/** Groups by falling q; the targets of a group are tried at the same time. */
export function groupsOf(targets: readonly ProxyTarget[]): (readonly ProxyTarget[])[] {
  if (targets.length === 1) return [targets];
  const groups: ProxyTarget[][] = [];
  // The sort is stable: within a group the order is the caller's.
  for (const target of [...targets].sort((a, b) => quality(b) - quality(a))) {
    const group = groups.at(-1);
    if (group?.[0] !== undefined && quality(group[0]) === quality(target)) group.push(target);
    else groups.push([target]);
  }
  return groups;
}

function quality({ q = 1 }: ProxyTarget): number {
  return Number.isFinite(q) ? Math.min(1, Math.max(0, q)) : 1;
}

/** What a request without the header counts as having, and the most that it can have. */
const mostBreadth = 60;

/** How many branches at once a request may make (RFC 5393 §5.3.3). Zero when its header makes no sense. */
export function incomingBreadth(request: Request): number {
  const value = request.header("max-breadth");
  if (value === undefined) return mostBreadth;
  return /^\d{1,10}$/.test(value) ? Math.min(mostBreadth, Number(value)) : 0;
}

/** The share of branch `at` of `count` at once, when there is at least as much breadth as branches. */
export function shareOf(breadth: number, count: number, at: number): number {
  return Math.floor(breadth / count) + (at < breadth % count ? 1 : 0);
}
