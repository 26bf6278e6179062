/** Linphone calls the binary in G.722 and in Opus: it hears its own tone, and its keys go both ways, in the clock of each. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { phoneHost } from "../support/peers/baresip.ts";
import { Linphone } from "../support/peers/linphone.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { amplitude, part, pitch, readWav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

describe.skipIf(!has("linphonec", "sox"))("Linphone calls", () => {
  let server: Server;
  beforeAll(async () => {
    server = await siproc({
      host: phoneHost,
      codecs: ["opus", "G722", "PCMU"],
      files: {
        "echo.ts": `export default async function (call: Call) {
  await call.answer();
  await call.echo();
  for await (const event of call) if (event.type === "dtmf") await call.dtmf(event.digit);
}`,
      },
      config: 'routes: [{ to: "echo@*", script: echo.ts }]',
    });
  });
  afterAll(async () => void (await server.stop()));

  test.each(["G722", "opus"] as const)("in %s", async (codec) => {
    const phone = await Linphone.start({ codec, says: 620 });
    try {
      await phone.dial(`sip:echo@${server.address}`);
      await until("sound", () => Bun.file(phone.heard).size > 16_000 * 2);
      phone.type("5");
      await phone.program.line(/Receiving tone 5/);
      await phone.hangup();
      const heard = readWav(await phone.recording());
      // A busy machine makes gaps: the tone's level is that of the pieces that have none.
      const levels = Array.from({ length: 20 }, (_, i) => part(heard, 100 * i, 100 * i + 100)).map((piece) =>
        amplitude(piece, 620, heard.rate),
      );
      expect(pitch(part(heard), heard.rate)).toBe(620);
      // What its decoder makes up for a gap may be louder than the tone was.
      expect(Math.max(...levels)).toBeWithin(0.28, 0.6);
    } finally {
      await phone.stop();
    }
  });
});
