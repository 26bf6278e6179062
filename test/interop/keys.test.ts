/** Keys that others press reach a script, and keys that a script presses reach others. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dataPath } from "../support/data.ts";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { sipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { handlers } from "./handlers/scripts.ts";

// SIPp sends captured RTP through a raw socket.
const canReplay = has("sipp") && process.getuid?.() === 0;

describe.skipIf(!has("baresip"))("keys", () => {
  let server: Server;
  beforeAll(async () => {
    server = await siproc({
      host: phoneHost,
      config:
        'routes: [{ to: "keys@*", script: keys.ts }, { to: "entry@*", script: entry.ts }, { to: "press@*", script: press.ts }]',
      files: {
        "keys.ts": handlers.keys,
        "entry.ts": handlers.entry,
        "press.ts": 'export default async function (call: Call) { await call.answer(); await call.dtmf("159#*D"); }',
      },
    });
  });
  afterAll(async () => void (await server.stop()));

  test.skipIf(!canReplay).each(["0", "1", "2", "3", "4", "5"])("%s, as SIPp replays it, is heard once", async (key) => {
    const before = server.program.stderr.length;
    const pcap = dataPath("pcap", `sipp-dtmf_2833_${key}.pcap`);
    const run = await sipp({
      scenario: "uac-dtmf",
      host: phoneHost,
      service: "keys",
      values: { pcap },
      remote: server.address,
    });
    expect(run.errors).toBe("");
    expect(run.code).toBe(0);
    const heard = server.program.stderr.slice(before).filter((line) => line.includes("key "));
    expect(heard).toHaveLength(1);
    expect(heard[0]).toContain(`key ${key} for`);
  });

  test("an entry that baresip types ends with #", async () => {
    const phone = await Baresip.start();
    try {
      await phone.dial(`sip:entry@${server.address}`);
      await phone.event("CALL_ESTABLISHED");
      await phone.press("42#");
      await server.program.line(/entry 42 terminator/);
      // The script has returned: the server hangs up.
      await phone.event("CALL_CLOSED");
    } finally {
      await phone.stop();
    }
  });

  test("baresip hears the keys that a script presses, in order and once each", async () => {
    const phone = await Baresip.start();
    try {
      await phone.dial(`sip:press@${server.address}`);
      await phone.event("CALL_CLOSED");
      const heard = phone.events.filter(({ type }) => type === "CALL_DTMF_START").map(({ detail }) => detail);
      expect(heard).toEqual(["1", "5", "9", "#", "*", "D"]);
    } finally {
      await phone.stop();
    }
  });
});
