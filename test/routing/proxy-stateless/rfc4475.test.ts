/** RFC 4475 through the stateless proxy: what is forwarded keeps its octets, what is not is refused as the RFC says. */
import { describe, expect, test } from "bun:test";
import { parseMessage, type Request, Response } from "../../../src/sip/message.ts";
import { dataBytes, dataJson } from "../../support/data.ts";
import { isRow, rows, text } from "../../support/verdict.ts";
import { asRequest, Bench, type Sent } from "./bench.ts";

const torture = rows(dataJson("rfc4475", "manifest.json"), "messages");

/** Where the RFC names no outcome for a proxy, or a choice; and why. */
const ours: Readonly<Record<string, readonly [outcome: "forward" | number, why: string]>> = {
  lwsstart: ["forward", "the extra spaces are dropped while parsing"],
  trws: ["forward", "the trailing spaces are dropped while parsing"],
  badaspec: ["forward", "spaces inside the brackets cannot be taken for anything else"],
  badbranch: ["forward", "its transaction goes by the rules of RFC 2543"],
  unkscm: ["forward", "the route says where to send it, whatever its scheme"],
  novelsc: ["forward", "the route says where to send it, whatever its scheme"],
};

function outcome(sent: readonly Sent[]): "forward" | number | "nothing" {
  const [first] = sent;
  if (first === undefined) return "nothing";
  if (first.message instanceof Response) return first.message.status;
  return first.to === "udp 192.0.2.2:5060" ? "forward" : "nothing";
}

/** The lines of a head, whole with their folds, but for the first Vias and those that a proxy changes. */
function untouched(message: Request, vias: number, without: readonly string[]): string[] {
  const { lines } = message;
  let skipped = 0;
  return Array.from({ length: lines.count }, (_, line) => line)
    .filter((line) => !without.includes(lines.names[line] ?? ""))
    .filter((line) => lines.names[line] !== "via" || ++skipped > vias)
    .map((line) => lines.head.slice(lines.start(line), lines.end(line)));
}

function bench(): Bench {
  return new Bench({ route: ({ uri }) => ({ uri, flow: one.wire("udp", "192.0.2.2") }) });
}
let one = new Bench();

describe("RFC 4475 through a proxy", () => {
  for (const row of torture) {
    const name = text(row, "name");
    const named = isRow(row) && Array.isArray(row.proxy) ? row.proxy.filter((each) => each !== "drop") : undefined;
    const isRequest = text(row, "kind") === "request";
    const expected = !isRequest
      ? ["nothing"]
      : ours[name] !== undefined
        ? [ours[name][0]]
        : (named ?? (text(row, "parse") === "accept" ? ["forward"] : [400]));
    test(`${text(row, "section")} ${name}: ${expected.join(" or ")}`, () => {
      const octets = dataBytes("rfc4475", text(row, "file"));
      one = bench();
      const parsed = parseMessage(octets, "datagram");
      if (parsed.type === "failure") {
        if (isRequest) expect(expected).toContain(parsed.status);
        return;
      }
      const sent = one.receive(parsed, one.wire("udp", "192.0.2.9"));
      expect(expected).toContain(outcome(sent));
      const [first] = sent;
      if (first === undefined || parsed.type === "response" || outcome(sent) !== "forward") return;
      const forwarded = asRequest(first);
      expect([forwarded.method, forwarded.uri]).toEqual([parsed.method, parsed.uri]);
      expect(Buffer.from(forwarded.body).equals(parsed.body)).toBe(true);
      // The Via below ours may have its source noted; all others stand as they came.
      const changed = ["max-forwards", "record-route", "path", "supported"];
      expect(untouched(forwarded, 2, changed)).toEqual(untouched(parsed, 1, changed));
    });
  }
});
