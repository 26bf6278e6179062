import { beforeEach, describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { buildRequest, buildResponse, type HeaderList, type Request } from "../../src/sip/message.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { parseRack, parseRseq, ReliableReceiver, ReliableSender, reliabilityOf } from "../../src/sip/reliable.ts";

function request(method: string, ...headers: HeaderList): Request {
  return buildRequest({
    method,
    uri: "sip:bob@example.com",
    headers: [
      ["Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx"],
      ["From", "<sip:alice@example.com>;tag=a"],
      ["To", "<sip:bob@example.com>"],
      ["Call-ID", "c"],
      ["CSeq", `7 ${method}`],
      ...headers,
    ],
  });
}
const invite = request("INVITE");
const prack = (rack: string) => request("PRACK", ["RAck", rack]);
const provisional = (rseq: string | undefined, status = 183, require = "100rel") =>
  buildResponse(invite, status, {
    toTag: "b",
    headers: [["Require", require], ...(rseq === undefined ? [] : [["RSeq", rseq] as const])],
  });

describe("what an INVITE says of 100rel", () => {
  test.each([
    ["Require", "timer, 100REL", "required"],
    ["Supported", "replaces,100rel", "supported"],
    ["Supported", "timer", "none"],
    ["Allow", "PRACK", "none"],
  ] as const)("%s: %s means %s", (name, value, reliability) => {
    expect(reliabilityOf(request("INVITE", [name, value]))).toBe(reliability);
  });
});

describe("RAck and RSeq", () => {
  test.each([
    ["776656 1 INVITE", { rseq: 776656, cseq: 1, method: "INVITE" }],
    ["1  2\tinvite", { rseq: 1, cseq: 2, method: "invite" }],
    ["4294967296 1 INVITE", undefined],
    ["1 4294967296 INVITE", undefined],
    ["1 1", undefined],
    ["1 1 INVITE x", undefined],
    ["-1 1 INVITE", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("RAck %p", (value, rack) => expect(parseRack(value)).toEqual(rack));

  test.each([
    ["1", 1],
    ["4294967295", 4294967295],
    ["0", undefined],
    ["4294967296", undefined],
    ["1.5", undefined],
    [undefined, undefined],
  ])("RSeq %p", (value, rseq) => expect(parseRseq(value)).toBe(rseq));
});

describe("the UAS (RFC 3262 §3)", () => {
  let clock: VirtualClock;
  let sender: ReliableSender;
  let sent: [what: string, rseq: number, at: number][];
  let done: string[];
  const send = (what: string) =>
    sender.send(
      (rseq) => sent.push([what, rseq, clock.now()]),
      (acknowledged) => done.push(`${what} ${acknowledged}`),
    );
  const lastRseq = () => sent.at(-1)?.[1] ?? 0;
  beforeEach(() => {
    clock = new VirtualClock();
    sender = new ReliableSender({ clock, random: seededRandom(1), cseq: 7 });
    sent = [];
    done = [];
  });

  test("starts between 1 and 2^31-1", () => {
    for (const token of ["00000000", "ffffffff", "7ffffffe", "7fffffff"]) {
      let first = 0;
      new ReliableSender({ clock, random: { token: () => token } }).send((rseq) => {
        first = rseq;
      });
      expect(first >= 1 && first <= 0x7fff_ffff).toBe(true);
    }
  });

  test("repeats at T1, 2*T1, 4*T1 … until PRACK", () => {
    send("180");
    clock.advance(8000);
    expect(sent.map(([, , at]) => at)).toEqual([0, 500, 1500, 3500, 7500]);
    sender.acknowledge(prack(`${lastRseq()} 7 INVITE`));
    expect(done).toEqual(["180 true"]);
    expect([sender.pending, clock.pending]).toEqual([false, 0]);
  });

  test("gives up after 64*T1, with all that waits", () => {
    send("180");
    send("183");
    clock.advance(31_999);
    expect(done).toEqual([]);
    clock.advance(1);
    expect(done).toEqual(["180 false", "183 false"]);
    expect([sender.pending, clock.pending]).toEqual([false, 0]);
    clock.advance(100_000);
    expect(sent).toHaveLength(7);
  });

  test("has one out at a time, each numbered one higher", () => {
    send("180");
    send("183");
    expect(sent.map(([what]) => what)).toEqual(["180"]);
    const first = lastRseq();
    sender.acknowledge(prack(`${first} 7 INVITE`));
    expect(sent.at(-1)).toEqual(["183", first + 1, 0]);
    expect(sender.pending).toBe(true);
  });

  test.each([
    ["another RSeq", 1, "7 INVITE"],
    ["another CSeq", 0, "8 INVITE"],
    ["another method", 0, "7 UPDATE"],
    ["a method in lower case", 0, "7 invite"],
  ])("does not take a PRACK for %s", (_what, more, rest) => {
    send("180");
    const other = prack(`${lastRseq() + more} ${rest}`);
    expect(sender.matches(other)).toBe(false);
    sender.acknowledge(other);
    expect(done).toEqual([]);
    expect(sender.matches(request("PRACK"))).toBe(false);
  });

  test("takes a PRACK once", () => {
    send("180");
    const good = prack(`${lastRseq()} 7 INVITE`);
    expect(sender.matches(good)).toBe(true);
    sender.acknowledge(good);
    expect(sender.matches(good)).toBe(false);
  });

  test("lets a 2xx wait for the last PRACK", () => {
    sender.whenIdle(() => done.push("at once"));
    send("183");
    sender.whenIdle(() => done.push("later"));
    expect(done).toEqual(["at once"]);
    sender.acknowledge(prack(`${lastRseq()} 7 INVITE`));
    expect(done).toEqual(["at once", "183 true", "later"]);
  });

  test("is quiet after a final response, yet knows a late PRACK", () => {
    send("180");
    send("183");
    sender.stop();
    send("199");
    clock.advance(60_000);
    expect(sent).toHaveLength(1);
    expect(clock.pending).toBe(0);
    const late = prack(`${lastRseq()} 7 INVITE`);
    expect(sender.matches(late)).toBe(true);
    sender.acknowledge(late);
    expect(sender.matches(late)).toBe(false);
    expect(done).toEqual([]);
  });
});

describe("the UAC (RFC 3262 §4)", () => {
  test("acknowledges in order, drops duplicates and what came too early", () => {
    const receiver = new ReliableReceiver();
    const verdicts = ["9", "9", "11", "10", "11", "8"].map((rseq) => receiver.receive(provisional(rseq)));
    expect(verdicts).toEqual([
      { rack: "9 7 INVITE" },
      "ignore",
      "ignore",
      { rack: "10 7 INVITE" },
      { rack: "11 7 INVITE" },
      "ignore",
    ]);
  });

  test.each([
    ["without Require", provisional("1", 180, "timer"), "unreliable"],
    ["100 Trying", provisional("1", 100), "unreliable"],
    ["without RSeq", provisional(undefined), "ignore"],
    ["with RSeq 0", provisional("0"), "ignore"],
  ] as const)("%s", (_what, response, verdict) => {
    expect(new ReliableReceiver().receive(response)).toBe(verdict);
  });
});
