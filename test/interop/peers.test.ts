/** The harness itself: SIPp and baresip call each other, without siproc, so that a failing interop test is siproc's. */
import { afterEach, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { canCapture, capture } from "../support/peers/capture.ts";
import { received, sipp, startSipp } from "../support/peers/sipp.ts";
import { amplitude, part, pitch, readWav } from "../support/peers/sound.ts";

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const peer of open.splice(0)) await peer.stop();
});

describe.skipIf(!has("sipp", "baresip", "sox"))("the peers by themselves", () => {
  test.each(["udp", "tcp"] as const)("SIPp calls SIPp over %s", async (transport) => {
    const callee = await startSipp({ scenario: "uas-call", transport });
    const caller = await sipp({ scenario: "uac-call", transport, remote: `127.0.0.1:${callee.port}`, service: "bob" });
    expect(caller.errors).toBe("");
    expect(caller.code).toBe(0);
    expect(received(caller)).toEqual(["180 INVITE", "200 INVITE", "200 BYE"]);
    expect((await callee.result).successful).toBe(1);
  });

  test.each([
    ["uac-cancel", "uas-cancelled", {}, {}],
    ["uac-rejected", "uas-refuses", { status: "486" }, { status: "486 Busy Here" }],
  ] as const)("SIPp plays %s to %s", async (scenario, other, values, theirs) => {
    const callee = await startSipp({ scenario: other, values: theirs });
    const caller = await sipp({ scenario, values, remote: `127.0.0.1:${callee.port}`, service: "bob" });
    expect(caller.errors).toBe("");
    expect(caller.code).toBe(0);
    expect((await callee.result).successful).toBe(1);
  });

  test.each(["udp", "tcp"] as const)(
    "baresip calls SIPp over %s and hears its own tone come back",
    async (transport) => {
      const callee = await startSipp({ scenario: "uas-call", transport, host: phoneHost, args: ["-rtp_echo"] });
      const phone = await Baresip.start({ transport, says: { tone: 620 } });
      open.push(phone);
      await phone.dial(`sip:echo@${phoneHost}:${callee.port}`);
      await phone.event("CALL_ESTABLISHED");
      await Bun.sleep(1500);
      await phone.hangup();
      await phone.event("CALL_CLOSED");
      expect((await callee.result).successful).toBe(1);
      const [file = ""] = phone.heard();
      const sound = part(readWav(file), 500, 1000);
      expect(pitch(sound)).toBe(620);
      expect(amplitude(sound, 620)).toBeWithin(0.28, 0.35);
    },
  );

  test.skipIf(!canCapture())("tshark reads what they say", async () => {
    const callee = await startSipp({ scenario: "uas-call" });
    const wire = await capture(`port ${callee.port}`, [callee.port]);
    await sipp({ scenario: "uac-call", remote: `127.0.0.1:${callee.port}`, service: "bob" });
    await wire.stop();
    expect(wire.read("sip", ["sip.Method", "sip.Status-Code"])).toEqual([
      "INVITE\t",
      "\t180",
      "\t200",
      "ACK\t",
      "BYE\t",
      "\t200",
    ]);
    expect(wire.malformed()).toEqual([]);
  });

  test("baresip answers SIPp by itself, and sends the keys that it is told to press", async () => {
    const phone = await Baresip.start({ autoAnswer: true });
    open.push(phone);
    const other = await Baresip.start({ user: "other" });
    open.push(other);
    await other.dial(phone.uri);
    await other.event("CALL_ESTABLISHED");
    await other.press("1#");
    await phone.event("CALL_DTMF_START");
    await Bun.sleep(300);
    const pressed = phone.events.filter(({ type }) => type === "CALL_DTMF_START").map(({ detail }) => detail);
    expect(pressed).toEqual(["1", "#"]);
    const caller = await sipp({
      scenario: "uac-call",
      host: phoneHost,
      remote: `${phoneHost}:${phone.port}`,
      service: "baresip",
    });
    expect(caller.errors).toBe("");
    expect(caller.code).toBe(0);
  });
});
