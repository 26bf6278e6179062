/** baresip calls the binary in G.722 and in Opus: tones above what G.711 has come back from the echo test and stand in recordings. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { Baresip, type BaresipOptions, phoneHost } from "../support/peers/baresip.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { amplitude, part, pitch, readWav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

describe.skipIf(!has("baresip", "sox"))("baresip calls", () => {
  let server: Server;
  const phones: Baresip[] = [];
  beforeAll(async () => {
    server = await siproc({
      host: phoneHost,
      codecs: ["opus", "G722", "PCMU", "PCMA"],
      files: {
        "echo.ts": `export default async function (call: Call) {
  await call.answer();
  await call.record("recordings/" + call.remote.user + ".wav");
  await call.echo();
  for await (const event of call) if (event.type === "dtmf") await call.dtmf(event.digit);
}`,
      },
      config: `routes:
  - { to: "echo@*", script: echo.ts }
scripts: { allow: { write: [recordings] } }`,
    });
  });
  afterAll(async () => void (await server.stop()));
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.stop();
  });

  const dial = async (options: BaresipOptions) => {
    const phone = await Baresip.start(options);
    phones.push(phone);
    await phone.dial(`sip:echo@${server.address}`);
    await phone.event("CALL_ESTABLISHED");
    return phone;
  };

  test.each([["G722"], ["opus"]] as const)("in %s: 5.5 kHz come back, and keys", async (codec) => {
    const user = `in-${codec}`;
    const phone = await dial({ user, codecs: [codec], says: { tone: 5500 } });
    await Bun.sleep(1500);
    await phone.press("7");
    expect((await phone.event("CALL_DTMF_START")).detail).toBe("7");
    await Bun.sleep(1000);
    await phone.hangup();
    await phone.event("CALL_CLOSED");
    const heard = readWav(phone.heard()[0] ?? "");
    const echoed = part(heard, 800, 1400);
    expect(pitch(echoed, heard.rate, 5000, 6000)).toBe(5500);
    expect(amplitude(echoed, 5500, heard.rate)).toBeWithin(0.25, 0.36);
    const file = `${server.folder}/recordings/${user}.wav`;
    await until("recording", () => Bun.file(file).size > 100);
    const recorded = readWav(file);
    expect(recorded.rate).toBe(16_000);
    expect(pitch(part(recorded, 200, 500), 16_000, 5000, 6000)).toBe(5500);
  });

  test("with all of them: the caller's order counts, and the call is in the first", async () => {
    const phone = await dial({ user: "all", codecs: ["G722", "opus", "PCMU"], says: { tone: 1000 } });
    // Over a second at 16 kHz.
    await until("sound", () => Bun.file(phone.heard()[0] ?? "").size > 40_000);
    await phone.hangup();
    await phone.event("CALL_CLOSED");
    const heard = readWav(phone.heard()[0] ?? "");
    expect(pitch(part(heard), heard.rate)).toBe(1000);
  });
});
