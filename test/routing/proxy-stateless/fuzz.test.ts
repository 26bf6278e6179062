/** Hostile messages at the stateless proxy: it forwards what is a message, to nobody that it should not, and never throws. */
import { expect, test } from "bun:test";
import { checkRequest, parseMessage } from "../../../src/sip/message.ts";
import { requestFrom, responseTo } from "../../support/fake-flow.ts";
import { below, pick, seeded } from "../../support/random.ts";
import { asRequest, Bench } from "./bench.ts";

const wanted = Number(process.env.SIPROC_FUZZ_CASES ?? 20_000);
const seed = Number(process.env.SIPROC_FUZZ_SEED ?? 1611);
const milliseconds = 4_000;
const slow = 20;

const spice = [
  "\r\n",
  "\r\n ",
  ",",
  ";",
  "<",
  ">",
  '"',
  "\\",
  "@",
  ":",
  "sip:",
  "lr",
  ".",
  "~",
  "!",
  "-",
  "%",
  "\0",
  "\xff",
];
spice.push(
  "Route: ",
  "Record-Route: ",
  "Via: ",
  "Contact: ",
  "*",
  "z9hG4bK",
  ";alias=",
  ";rport",
  ";received=",
  "c-",
  "Path: ",
);

test("mutated messages go to no third party, and nothing throws or takes long", () => {
  const random = seeded(seed);
  const bench = new Bench({ forward: { rewriteContact: "force" } });
  const [alice, bob] = [bench.wire("udp", "192.0.2.9"), bench.wire("udp", "192.0.2.2")];
  const contact = ["Contact: <sip:alice@10.0.0.9>", "Proxy-Require: a"];
  const invite = asRequest(bench.one(requestFrom({ headers: contact.slice(0, 1) }), alice));
  const recorded = invite.headers("record-route").map((value) => `Record-Route: ${value}`);
  const ok = responseTo(invite, 200, "b1", ["Contact: <sip:bob@10.0.0.2>", ...recorded]);
  const bye = requestFrom({
    method: "BYE",
    uri: invite.contact?.uriText ?? "",
    headers: invite.headers("record-route").map((value) => `Route: ${value}`),
  });
  const path = bench.recordRoute.path(
    requestFrom({ method: "REGISTER" }),
    alice,
    bob,
    { mode: "stateless", nat: false },
    true,
  );
  const register = requestFrom({ method: "REGISTER", headers: contact });
  const seeds = [
    requestFrom({ headers: contact }),
    ok,
    bye,
    register,
    requestFrom({ headers: [`Route: ${path}`] }),
  ].map((message) => Buffer.from(message.bytes()).toString("latin1"));
  const until = performance.now() + milliseconds;
  let slowest = 0;
  let cases = 0;
  for (; cases < wanted && performance.now() < until; cases++) {
    let text = pick(random, seeds);
    for (let edits = 1 + below(random, 3); edits > 0; edits--) {
      const at = below(random, text.length);
      text = text.slice(0, at) + pick(random, spice) + text.slice(at + below(random, 4));
    }
    const message = parseMessage(Buffer.from(text, "latin1"), "datagram");
    if (message.type === "failure") continue;
    const from = pick(random, [alice, bob]);
    let sent = bench.receive(message, from);
    let took = Number.POSITIVE_INFINITY;
    // The machine may be busy with something else for once.
    for (let again = 0; again < 3 && took > slow; again++) {
      const began = performance.now();
      sent = bench.receive(message, from);
      took = Math.min(took, performance.now() - began);
    }
    slowest = Math.max(slowest, took);
    for (const { message: out } of sent) {
      // What leaves is a message that the next one can read as well as we could.
      if (out.type === "request" && message.type === "request") expect(checkRequest(out)).toBeUndefined();
      // A response without a genuine branch of ours goes nowhere.
      if (message.type === "response") expect(text).toContain(invite.via.branch ?? "none");
    }
    bench.untaken.length = 0;
  }
  expect(cases).toBeGreaterThan(100);
  expect(slowest).toBeLessThan(slow);
  expect([bench.layer.size, bench.resolving.length]).toEqual([0, 0]);
});

test("a thousand Routes, Contacts or Vias cost little", () => {
  const bench = new Bench({ forward: { rewriteContact: "force" } });
  const many = (value: string) => Array.from({ length: 1000 }, () => value).join(",");
  const headers = [
    `Route: ${many("<sip:192.0.2.1;lr>")}`,
    `Via: ${many("SIP/2.0/UDP a")}`,
    `Contact: ${many("<sip:a@b>")}`,
  ];
  for (const header of headers) {
    const began = performance.now();
    bench.receive(requestFrom({ headers: [header] }), bench.wire("udp", "192.0.2.9"));
    expect(performance.now() - began).toBeLessThan(500);
  }
});
