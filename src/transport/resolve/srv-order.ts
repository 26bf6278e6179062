/** The order in which the targets of SRV records are tried: by priority, and by chance among equals (RFC 2782). */
import type { Random } from "../../sip/random.ts";
import type { SrvRecord } from "./contract.ts";

export function orderSrv(records: readonly SrvRecord[], random: Random): SrvRecord[] {
  if (records.length < 2) return [...records];
  const left = records.toSorted((a, b) => a.priority - b.priority);
  const ordered: SrvRecord[] = [];
  while (left.length > 0) {
    const priority = left[0]?.priority;
    const others = left.findIndex((record) => record.priority !== priority);
    ordered.push(...byWeight(left.splice(0, others < 0 ? left.length : others), random));
  }
  return ordered;
}

/** Those without a weight come first in the sums, and so are chosen seldom, but at all. */
function byWeight(equals: SrvRecord[], random: Random): SrvRecord[] {
  const left = equals.toSorted((a, b) => Number(a.weight > 0) - Number(b.weight > 0));
  const ordered: SrvRecord[] = [];
  while (left.length > 1) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    const chosen = below(random, total + 1);
    let sum = 0;
    const at = left.findIndex(({ weight }) => {
      sum += weight;
      return sum >= chosen;
    });
    ordered.push(...left.splice(Math.max(0, at), 1));
  }
  return [...ordered, ...left];
}

/** A whole number from 0 up to, not including, `limit`, which is far below 2^32. */
function below(random: Random, limit: number): number {
  return Number.parseInt(random.token(4), 16) % limit;
}
