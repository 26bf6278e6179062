/** baresip calls the shipped scripts with a known tone; sox and a Goertzel filter find it again, in pitch and level, on both sides. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { has } from "../support/peers/available.ts";
import { Baresip, type BaresipOptions, phoneHost } from "../support/peers/baresip.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { amplitude, duration, part, pitch, readWav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

describe.skipIf(!has("baresip", "sox"))("baresip calls", () => {
  let server: Server;
  const phones: Baresip[] = [];
  beforeAll(async () => {
    server = await siproc({
      host: phoneHost,
      scripts: true,
      config: `routes:
  - { to: "echo@*", script: scripts/echo.ts }
  - { to: "ivr@*", script: scripts/ivr.ts }
  - { to: "voicemail@*", script: scripts/voicemail.ts }
scripts: { allow: { read: [scripts/sounds], write: [recordings] } }`,
    });
  });
  afterAll(async () => void (await server.stop()));
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.stop();
  });

  const dial = async (user: string, options: BaresipOptions = {}) => {
    const phone = await Baresip.start(options);
    phones.push(phone);
    // baresip adds its account's transport by itself.
    await phone.dial(`sip:${user}@${server.address}`);
    await phone.event("CALL_ESTABLISHED");
    return phone;
  };
  const heard = (phone: Baresip) => readWav(phone.heard()[0] ?? "");
  const recordings = () => [...new Bun.Glob("recordings/*.wav").scanSync({ cwd: server.folder, absolute: true })];

  const ways: [transport: "udp" | "tcp", codec: "PCMU" | "PCMA"][] = [
    ["udp", "PCMU"],
    ["udp", "PCMA"],
    ["tcp", "PCMU"],
  ];

  test.each(ways)("echo over %s in %s: its own tone and keys come back", async (transport, codec) => {
    const phone = await dial("echo", { transport, codecs: [codec], says: { tone: 620 } });
    await Bun.sleep(5500); // the announcement is 4.2 s
    await phone.press("5");
    const key = await phone.event("CALL_DTMF_START");
    expect(key.detail).toBe("5");
    await Bun.sleep(500);
    await phone.hangup();
    await phone.event("CALL_CLOSED");
    const echoed = part(heard(phone), 4800, 5300);
    expect(pitch(echoed)).toBe(620);
    expect(amplitude(echoed, 620)).toBeWithin(0.28, 0.35);
  });

  test.each(ways)("voicemail over %s in %s: the message is what was said, until #", async (transport, codec) => {
    const before = new Set(recordings());
    const phone = await dial("voicemail", { transport, codecs: [codec], says: { tone: 700 } });
    await until("recording", () => recordings().some((file) => !before.has(file)));
    await Bun.sleep(2000);
    await phone.press("#");
    await phone.event("CALL_CLOSED");
    const beep = duration(part(heard(phone), 4000), 1000, 0.2);
    expect(beep).toBeWithin(340, 461);

    const file = recordings().find((name) => !before.has(name)) ?? "";
    const message = readWav(file);
    expect(message.rate).toBe(8000);
    const all = part(message);
    expect(all.length / 8).toBeWithin(1800, 3500);
    const middle = part(message, 500, 1500);
    expect(pitch(middle)).toBe(700);
    expect(amplitude(middle, 700)).toBeWithin(0.28, 0.35);
  });

  test("voicemail: hanging up leaves a complete file", async () => {
    const before = new Set(recordings());
    const phone = await dial("voicemail", { says: { tone: 800 } });
    await until("recording", () => recordings().some((file) => !before.has(file)));
    await Bun.sleep(1500);
    await phone.hangup();
    await phone.event("CALL_CLOSED");
    const file = recordings().find((name) => !before.has(name)) ?? "";
    const message = await until("complete file", () => {
      const sound = readWav(file);
      return part(sound).length > 8000 && sound;
    });
    expect(pitch(part(message, 300, 1000))).toBe(800);
  });

  test("ivr: a key interrupts the prompt, and 9 ends the call", async () => {
    const phone = await dial("ivr");
    await Bun.sleep(1000);
    await phone.press("1");
    await Bun.sleep(2600);
    await phone.press("9");
    await phone.event("CALL_CLOSED");
    const sound = part(heard(phone));
    // The tone is two seconds of 440 Hz; it began long before the prompt (5 s) could have ended.
    expect(duration(sound.subarray(0, 8 * 4500), 440, 0.2)).toBeWithin(1900, 2101);
  });

  test("ivr: three wrong keys end in a goodbye", async () => {
    const phone = await dial("ivr");
    for (let n = 0; n < 3; n++) {
      await phone.press("7");
      await Bun.sleep(2200); // “That is not on the menu” is 1.6 s
    }
    await phone.event("CALL_CLOSED");
  });

  test("every recording is where the script was allowed to write, and nowhere else", () => {
    const wavs = [...new Bun.Glob("**/*.wav").scanSync({ cwd: server.folder })];
    expect(
      wavs.filter((file) => !file.startsWith("recordings/") && !file.startsWith(join("scripts", "sounds"))),
    ).toEqual([]);
  });
});
