/** Lines whose options follow what stands in order: `DIAL sip:bob@example.com timeout=20000`. */
import { describe, expect, test } from "bun:test";
import { parseLine } from "../../src/call/line-protocol.ts";
import type { Command } from "../../src/call/vocabulary.ts";
import { below, pick, seeded } from "../support/random.ts";

const bob = "sip:bob@example.com";
const carol = "sips:carol@example.com;transport=tcp";

describe("options follow on a line", () => {
  const table: [line: string, command: Command][] = [
    [`DIAL ${bob}`, { name: "DIAL", targets: [bob] }],
    [`DIAL ${bob},${carol}`, { name: "DIAL", targets: [bob, carol] }],
    [`DIAL sip:a,b@example.com,tel:+4930123`, { name: "DIAL", targets: ["sip:a,b@example.com", "tel:+4930123"] }],
    [
      `DIAL ${bob}  timeout=5000 order=sequential ringback=off `,
      { name: "DIAL", targets: [bob], timeout: 5000, order: "sequential", ringback: false },
    ],
    [
      `DIAL ${bob} from="Bob\\u0020B"\\u0020<sip:b@example.com> limit=86400000`,
      { name: "DIAL", targets: [bob], from: '"Bob B" <sip:b@example.com>', limit: 86_400_000 },
    ],
    ["CONFERENCE sales", { name: "CONFERENCE", room: "sales" }],
    ["CONFERENCE sales muted=on tones=off", { name: "CONFERENCE", room: "sales", muted: true, tones: false }],
    ["LISTENONLY on", { name: "LISTENONLY", on: true }],
    ["LISTENONLY off 5f3a91c2", { name: "LISTENONLY", on: false, call: "5f3a91c2" }],
    ["TONE busy", { name: "TONE", tone: "busy" }],
  ];
  for (const [line, command] of table) test(line, () => expect(parseLine(line)).toEqual({ ok: true, command }));
});

describe("a line with options that are none says why", () => {
  const table: [line: string, command: string, reason: string][] = [
    ["DIAL", "DIAL", "it needs targets"],
    ["DIAL timeout=5000", "DIAL", "it needs targets"],
    ["DIAL bob", "DIAL", "targets must be one to 16 sip:"],
    [`DIAL ${bob} loudly=on`, "DIAL", "targets must be one to 16 sip:"],
    [`DIAL ${bob} timeout=5000 timeout=1`, "DIAL", "timeout is given twice"],
    [`DIAL ${bob} order=random`, "DIAL", "order must be `parallel` or `sequential`"],
    [`DIAL ${bob} __proto__=1`, "DIAL", "targets must be"],
    [`DIAL ${new Array(17).fill(bob).join(",")}`, "DIAL", "targets must be one to 16"],
    ["CONFERENCE a room", "CONFERENCE", "room must be a name of up to 64 letters"],
    [`CONFERENCE ${"x".repeat(65)}`, "CONFERENCE", "room must be a name of up to 64 letters"],
    ["BRIDGE ../etc", "BRIDGE", "call must be the id of a call"],
    ["TONE loud", "TONE", "tone must be `ringback` or `busy`"],
  ];
  for (const [line, command, reason] of table)
    test(line.slice(0, 60), () =>
      expect(parseLine(line)).toEqual({ ok: false, failure: { command, reason: expect.stringContaining(reason) } }),
    );
});

test("no line, however it is made up, takes long or is more than a command or a failure", () => {
  const random = seeded(41);
  const parts = [
    bob,
    carol,
    " ",
    ",",
    "=",
    "timeout=",
    "from=",
    "order=parallel",
    "\\u0020",
    "\\",
    "5",
    "\t",
    "__proto__=",
    "x",
  ];
  const began = performance.now();
  for (let i = 0; i < 5000; i++) {
    const name = pick(random, ["DIAL", "CONFERENCE", "BRIDGE", "LISTENONLY", "PLAY"]);
    const words = Array.from({ length: below(random, 12) }, () => pick(random, parts));
    const parsed = parseLine(`${name} ${words.join("")}`);
    if (parsed?.ok === false) expect(parsed.failure.command).toBe(name);
  }
  parseLine(`DIAL ${" timeout=".repeat(10_000)}`);
  parseLine(`DIAL ${"sip:a@b,".repeat(10_000)}`);
  expect(performance.now() - began).toBeLessThan(2000);
});
