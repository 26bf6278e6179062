/** Linphone calls the shipped scripts: signalling over UDP and TCP, keys, and sound in both G.711 codecs. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { phoneHost } from "../support/peers/baresip.ts";
import { Linphone, type LinphoneOptions } from "../support/peers/linphone.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { amplitude, part, pitch, readWav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";
import { handlers } from "./handlers/scripts.ts";

describe.skipIf(!has("linphonec", "sox"))("Linphone calls", () => {
  let server: Server;
  beforeAll(async () => {
    server = await siproc({
      host: phoneHost,
      scripts: true,
      files: { "keys.ts": handlers.keys },
      config: `routes:
  - { to: "echo@*", script: scripts/echo.ts }
  - { to: "voicemail@*", script: scripts/voicemail.ts }
  - { to: "keys@*", script: keys.ts }
scripts: { allow: { read: [scripts/sounds], write: [recordings] } }`,
    });
  });
  afterAll(async () => void (await server.stop()));

  const call = async (target: string, options: LinphoneOptions, go: (phone: Linphone) => Promise<void>) => {
    const phone = await Linphone.start(options);
    try {
      await phone.dial(`sip:${target.replace("@", `@${server.address}`)}`);
      await go(phone);
    } finally {
      await phone.stop();
    }
  };
  test.each(["keys@", "keys@;transport=tcp"])(
    "%s with all its codecs: keys arrive, and both sides hang up well",
    async (target) => {
      const before = server.program.stderr.length;
      const log = () => server.program.stderr.slice(before).join("\n");
      await call(target, {}, async (phone) => {
        phone.type("5");
        await until("5", () => /key 5 for/.test(log()));
        phone.type("#");
        await until("#", () => /key # for/.test(log()));
        await phone.hangup();
      });
      await until("end", () => /the call has ended .*by=remote cause=hangup code=200/.test(log()));
      expect(log().match(/key . for/g)).toEqual(["key 5 for", "key # for"]);
    },
  );

  test.concurrent.each(["PCMU", "PCMA"] as const)("echo in %s: its own tone and keys come back", async (codec) => {
    await call("echo@", { codec, says: 620 }, async (phone) => {
      // The echo follows an announcement of 4.2 s; keys come back from then on.
      await until("announcement", () => Bun.file(phone.heard).size > 16_000 * 5.5);
      phone.type("5");
      await phone.program.line(/Receiving tone 5/);
      await phone.hangup();
      const heard = readWav(await phone.recording());
      expect(pitch(part(heard, 4800, 5300))).toBe(620);
      // A busy machine makes gaps: the tone's level is that of the pieces that have none.
      const levels = [4800, 4900, 5000, 5100, 5200].map((from) => amplitude(part(heard, from, from + 100), 620));
      expect(Math.max(...levels)).toBeWithin(0.2, 0.5);
    });
  });

  test("echo in its usual setting, which prefers IPv6 for the audio, is heard all the same", async () => {
    await call("echo@", { codec: "PCMU", says: 620, ipv6: true }, async (phone) => {
      await until("announcement", () => Bun.file(phone.heard).size > 16_000 * 5.5);
      await phone.hangup();
      expect(pitch(part(readWav(await phone.recording()), 4800, 5300))).toBe(620);
    });
  });

  test.concurrent("voicemail: the message is what was said, until #, and siproc hangs up", async () => {
    await call("voicemail@", { says: 700 }, async (phone) => {
      const recordings = () => [...new Bun.Glob("recordings/*.wav").scanSync({ cwd: server.folder, absolute: true })];
      const file = await until("recording", () => recordings()[0]);
      await until("message", () => Bun.file(file).size > 8000 * 2);
      phone.type("#");
      await phone.program.line(/Call 1 .* ended/);
      const middle = part(readWav(file), 500, 1000);
      expect(pitch(middle)).toBe(700);
      expect(amplitude(middle, 700)).toBeWithin(0.2, 0.4);
    });
  });
});
