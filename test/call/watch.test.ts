/** SUBSCRIBE: the state of others, in a word (RFC 3842, RFC 4235, RFC 6665). */
import { describe, expect, test } from "bun:test";
import { CallBench } from "../support/call-bench.ts";
import { parsed } from "../support/fake-flow.ts";

const ok = { ok: true } as const;
const why = (reason: string) => ({ ok: false, failure: { command: "SUBSCRIBE", reason } });

function subscribed(event?: string) {
  const bench = new CallBench();
  const result = bench.perform({
    name: "SUBSCRIBE",
    uri: "sip:carol@192.0.2.7",
    ...(event === undefined ? {} : { event }),
  });
  const first = bench.request("SUBSCRIBE");
  bench.answer(first, 200, ["Expires: 600"]);
  let sequence = 1;
  const notify = (type: string, body: string, state = "active;expires=600") => {
    const lines = [
      "NOTIFY sip:bob@192.0.2.1 SIP/2.0",
      `Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKn${sequence}`,
      "From: <sip:carol@192.0.2.7>;tag=t1",
      `To: <sip:bob@192.0.2.1>;tag=${first.from.tag}`,
      `Call-ID: ${first.callId}`,
      `CSeq: ${sequence++} NOTIFY`,
      "Contact: <sip:carol@192.0.2.7>",
      `Event: ${first.header("event")}`,
      `Subscription-State: ${state}`,
      `Content-Type: ${type}`,
      `Content-Length: ${body.length}`,
      "",
      body,
    ];
    bench.bench.receive(parsed(lines.join("\r\n")));
    bench.bench.clock.advance(0);
  };
  return { bench, result, first, notify };
}

const xml = (version: number, state: string, ...dialogs: [id: string, state: string][]) =>
  `<dialog-info version="${version}" state="${state}" entity="sip:carol@x">${dialogs
    .map(([id, its]) => `<dialog id="${id}"><state>${its}</state></dialog>`)
    .join("")}</dialog-info>`;

describe("SUBSCRIBE", () => {
  test("to a phone's calls tells whether it is idle, rings or is busy, also by news of some of them", () => {
    const { bench, result, first, notify } = subscribed();
    expect([first.header("event"), first.header("accept")]).toEqual(["dialog", "application/dialog-info+xml"]);
    expect(result.outcome).toBeUndefined();
    const type = "application/dialog-info+xml";
    notify(type, xml(0, "full"));
    expect(result.outcome).toEqual(ok);
    notify(type, xml(1, "partial", ["1", "early"]));
    notify(type, xml(2, "partial", ["2", "confirmed"]));
    notify(type, xml(3, "partial", ["2", "terminated"]));
    notify(type, xml(4, "full"));
    expect(bench.told().map((line) => line.split(" ").slice(0, 4).join(" "))).toEqual(
      ["idle", "ringing", "busy", "ringing", "idle"].map((state) => `NOTIFIED dialog sip:carol@192.0.2.7 ${state}`),
    );
  });

  test.each([
    ["yes", "waiting"],
    ["no", "empty"],
  ])("to a mailbox with messages waiting: %s is %s", (waiting, state) => {
    const { bench, notify } = subscribed("message-summary");
    notify("application/simple-message-summary", `Messages-Waiting: ${waiting}`);
    expect(bench.told()).toEqual([
      `NOTIFIED message-summary sip:carol@192.0.2.7 ${state} Messages-Waiting: ${waiting}`,
    ]);
  });

  test("to something else gives what came", () => {
    const { bench, notify } = subscribed("presence");
    notify("application/pidf+xml", "<presence/>");
    expect(bench.told()).toEqual(["NOTIFIED presence sip:carol@192.0.2.7 active <presence/>"]);
  });

  test("that is refused says why, and leaves nothing", () => {
    const bench = new CallBench();
    const result = bench.perform({ name: "SUBSCRIBE", uri: "sip:carol@192.0.2.7" });
    bench.answer(bench.request("SUBSCRIBE"), 489);
    expect(result.outcome).toEqual(why("Whatever (489)"));
    expect(bench.call.attachments.size).toBe(0);
  });

  test("to whom the handler may not call is not sent", () => {
    const bench = new CallBench(() => false);
    expect(bench.perform({ name: "SUBSCRIBE", uri: "sip:carol@192.0.2.7" }).outcome).toEqual(
      why("sip:carol@192.0.2.7 may not be called"),
    );
    expect(bench.sent()).toEqual([]);
  });

  test("is one for each state, and bounded", () => {
    const { bench } = subscribed();
    expect(bench.perform({ name: "SUBSCRIBE", uri: "sip:carol@192.0.2.7" }).outcome).toEqual(
      why("it is subscribed to already"),
    );
    for (let i = 1; i < 16; i++) bench.perform({ name: "SUBSCRIBE", uri: `sip:u${i}@192.0.2.7` });
    expect(bench.perform({ name: "SUBSCRIBE", uri: "sip:one-too-many@192.0.2.7" }).outcome?.ok).toBe(false);
  });

  test("tells its end where the other side ends it", () => {
    const { bench, notify } = subscribed("presence");
    notify("text/plain", "x", "terminated;reason=noresource");
    expect(bench.told()).toEqual([
      "NOTIFIED presence sip:carol@192.0.2.7 ended x",
      "NOTIFIED presence sip:carol@192.0.2.7 ended noresource",
    ]);
  });

  test.each(["UNSUBSCRIBE", "the end of the call"])("is taken back by %s", (how) => {
    const { bench, notify } = subscribed();
    notify("application/dialog-info+xml", xml(0, "full"));
    bench.told();
    bench.messages();
    if (how === "UNSUBSCRIBE") bench.perform({ name: "UNSUBSCRIBE", uri: "sip:carol@192.0.2.7" });
    else bench.alice("BYE");
    expect(bench.request("SUBSCRIBE").header("expires")).toBe("0");
    notify("application/dialog-info+xml", xml(1, "full"), "terminated;reason=timeout");
    expect(bench.told().filter((line) => line.startsWith("NOTIFIED"))).toEqual([]);
  });
});
