/** REFER, NOTIFY and Replaces from hostile peers: whatever comes within a call, it is answered, soon, and the call lives. */
import { expect, test } from "bun:test";
import { Response } from "../../src/sip/message.ts";
import { CallBench } from "../support/call-bench.ts";
import { below, pick, seeded } from "../support/random.ts";

const parts = [
  "<sip:a@b>",
  "<",
  ">",
  "sip:",
  "tel:+1",
  "?Replaces=",
  "%3B",
  "%00",
  ";to-tag=1",
  ";from-tag=2",
  '"',
  "&",
  "=",
  "x".repeat(300),
  ";method=INVITE",
  "refer",
  ";id=1",
  "active",
  "terminated;reason=",
  "false",
  ",",
];
const names = ["Refer-To", "Referred-By", "Refer-Sub", "Event", "Subscription-State", "Replaces"];

test("garbage in their fields is answered each time", () => {
  const random = seeded(3515);
  const started = performance.now();
  const transferring = () => {
    const fresh = new CallBench(() => false);
    fresh.perform({ name: "TRANSFER", to: "sip:carol@example.com" });
    fresh.messages();
    return fresh;
  };
  let bench = transferring();
  for (let round = 0; round < 1500; round++) {
    const headers = Array.from({ length: below(random, 5) }, () => {
      const value = Array.from({ length: below(random, 6) }, () => pick(random, parts)).join("");
      return `${pick(random, names)}: ${value || "x"}`;
    });
    const body = pick(random, ["", "SIP/2.0 100 Trying\r\n", "SIP/2.0 999", "x".repeat(2000)]);
    bench.alice(pick(random, ["REFER", "NOTIFY"]), headers, body);
    bench.bench.clock.advance(3000);
    const answers = bench.messages().filter((message) => message instanceof Response);
    expect(answers.length).toBeGreaterThan(0);
    // Some of it says that the transfer has succeeded, which ends our call.
    if (bench.told().some((line) => line.startsWith("ENDED"))) bench = transferring();
  }
  expect(performance.now() - started).toBeLessThan(5000);
});

test("a peer that asks again and again is one that waits, and 491 for the others", () => {
  const bench = new CallBench();
  for (let i = 0; i < 100; i++) bench.alice("REFER", ["Refer-To: <sip:carol@192.0.2.7>"]);
  expect(bench.told()).toHaveLength(1);
  expect(new Set(bench.sent())).toEqual(new Set(["491 REFER"]));
  bench.bench.clock.advance(3000);
  expect(bench.sent()).toEqual(["603 REFER"]);
});
