/** Receivers that let nobody through: the blocker answers with a status, the dropper with silence. */
import { canonicalName } from "../sip/header-lines.ts";
import { decodeUtf8 } from "../sip/text.ts";
import { type Incoming, isHopByHop, methodOf, type Receiver } from "./chain.ts";
import { Networks } from "./networks.ts";

/**
 * What a method is answered with.
 *
 * @example
 * const block: Block = { status: 403, reason: "No texts" };
 */
export interface Block {
  readonly status: number;
  /** The registered phrase by default. */
  readonly reason?: string;
}

/**
 * Answers requests by their method, with a status or a status and a reason. An INVITE's ACK and CANCEL are taken with it.
 *
 * @example
 * ua.serve(blocker({ SUBSCRIBE: 405, MESSAGE: { status: 403, reason: "No texts" } }), ua.createStatelessProxy());
 */
export function blocker(methods: Readonly<Record<string, number | Block>>): Receiver {
  const blocked = new Map(Object.entries(methods).map(([name, block]) => [name, blockOf(block)]));
  return ({ request, tx }) => {
    const block = blocked.get(methodOf(request));
    if (block === undefined) return false;
    if (!isHopByHop(request)) tx.respondStateless(block.status, { reason: block.reason });
    return true;
  };
}

function blockOf(block: number | Block): Block {
  return typeof block === "number" ? { status: block } : block;
}

/**
 * What a request must be like to be dropped: all that is named holds.
 *
 * @example
 * const condition: DropCondition = { from: "203.0.113.0/24", header: "User-Agent", matches: /^friendly-scanner/i };
 */
export interface DropCondition {
  /** Address or network, such as `203.0.113.0/24`. */
  readonly from?: string | undefined;
  /** Source port. */
  readonly port?: number | undefined;
  /** Name of a header field. */
  readonly header?: string | undefined;
  /** On the field's value; undefined: the field need only be there. */
  readonly matches?: { match(value: string): unknown } | RegExp | undefined;
}

/**
 * @example
 * dropper([{ header: "X-Attack" }], { dropped: ({ flow }) => console.log(flow.remote.host) });
 */
export interface DropperOptions {
  /** Told of each request that is dropped. */
  readonly dropped?: ((incoming: Incoming) => void) | undefined;
}

/**
 * Takes the requests that fit one of the conditions, and answers nothing. A condition may be a function.
 *
 * @example
 * ua.serve(dropper([{ from: "203.0.113.7" }, ({ request }) => request.method === "SUBSCRIBE"]), ua.createRegistrar());
 */
export function dropper(
  conditions: readonly (DropCondition | ((incoming: Incoming) => boolean))[],
  options: DropperOptions = {},
): Receiver {
  const tests = conditions.map((condition) => (typeof condition === "function" ? condition : testOf(condition)));
  return (incoming) => {
    for (const fits of tests) {
      if (!fits(incoming)) continue;
      incoming.tx.forget();
      options.dropped?.(incoming);
      return true;
    }
    return false;
  };
}

function testOf({ from, port, header, matches }: DropCondition): (incoming: Incoming) => boolean {
  const networks = from === undefined ? undefined : new Networks([from]);
  const name = header === undefined ? undefined : canonicalName(header);
  return ({ request, flow }) => {
    if (networks !== undefined && !networks.has(flow.remote.host)) return false;
    if (port !== undefined && flow.remote.port !== port) return false;
    if (name === undefined) return true;
    return request.headers(name).some((value) => fits(matches, decodeUtf8(value)));
  };
}

function fits(matches: DropCondition["matches"], value: string): boolean {
  if (matches === undefined) return true;
  // A glob or a linear-time expression of ours takes any length; a RegExp of a program's own gets no more than a line.
  return matches instanceof RegExp ? matches.test(value.slice(0, 1024)) : matches.match(value) !== undefined;
}
