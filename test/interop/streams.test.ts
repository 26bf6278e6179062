/** baresip talks to programs at the other end of streams: the shipped voice agent over a WebSocket, and AudioSocket in Python. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { has } from "../support/peers/available.ts";
import { Baresip, type BaresipOptions, phoneHost } from "../support/peers/baresip.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { Program } from "../support/peers/program.ts";
import { repository, type Server, siproc } from "../support/peers/siproc.ts";
import { amplitude, duration, part, pitch, readWav, sine, writeWav } from "../support/peers/sound.ts";

const read = (file: string) => readFileSync(resolve(repository, file), "utf8");

describe.skipIf(!has("baresip", "sox", "python3"))("baresip calls", () => {
  let parrot: Program;
  let echo: Program;
  let server: Server;
  const phones: Baresip[] = [];
  const folder = temporaryFolder("streams");

  beforeAll(async () => {
    parrot = new Program({
      command: [process.execPath, resolve(repository, "scripts/agents/parrot.ts")],
      env: { PORT: "0" },
    });
    const listening = /:(\d+)\//.exec(await parrot.line(/^listening on/))?.[1] ?? "";
    echo = new Program({ command: ["python3", join(import.meta.dir, "../support/peers/audiosocket.py")] });
    const echoing = /\d+/.exec(await echo.line(/^port /))?.[0] ?? "";
    server = await siproc({
      host: phoneHost,
      scripts: true,
      files: {
        "agent.ts": read("scripts/agent.ts").replaceAll("127.0.0.1:9000", `127.0.0.1:${listening}`),
        "echo.sh": `#!/bin/sh\necho ANSWER\necho "STREAM audiosocket://127.0.0.1:${echoing}/40325ec2-5efd-4bd3-805f-53576e581d13"\nwhile read -r event rest; do\n  case $event in STREAMED) echo HANGUP;; esac\ndone\n`,
        "strange.ts": `export default async function (call: Call) {
  await call.answer();
  await call.stream("ws://127.0.0.1:1/").catch((error) => console.log(String(error)));
  await call.ended;
}`,
      },
      config: `routes:
  - { to: "agent@*", script: agent.ts }
  - { to: "echo@*", exec: [sh, echo.sh] }
  - { to: "strange@*", script: strange.ts }
scripts: { allow: { read: [scripts/sounds], net: ["127.0.0.1:${listening}"] } }`,
    });
  });
  afterAll(async () => {
    await server.stop();
    await parrot.stop();
    await echo.stop();
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.stop();
  });

  const dial = async (user: string, options: BaresipOptions = {}) => {
    const phone = await Baresip.start(options);
    phones.push(phone);
    await phone.dial(`sip:${user}@${server.address}`);
    await phone.event("CALL_ESTABLISHED");
    return phone;
  };
  const heard = (phone: Baresip) => part(readWav(phone.heard()[0] ?? ""));

  test.each([["PCMU"], ["PCMA"]] as const)(
    "the parrot over a WebSocket, in %s: what was said comes back",
    async (codec) => {
      const says = join(folder, "says.wav");
      // A second of a tone, then nothing for as long as the test takes.
      const samples = new Float64Array(8000 * 20);
      samples.set(sine(700, 1000, 0.3), 8000 * 0.5);
      await writeWav(says, 8000, samples);
      const phone = await dial("agent", { codecs: [codec], says: { file: says } });
      await Bun.sleep(4200);
      await phone.press("9");
      await phone.event("CALL_CLOSED");
      const sound = heard(phone);
      // All of it, at its own pace though the parrot sent it at once, and as loud as it was.
      expect(duration(sound, 700, 0.2)).toBeWithin(940, 1041);
      const from = sound.findIndex((sample) => Math.abs(sample) > 0.1);
      const middle = sound.subarray(from + 1600, from + 6400);
      expect(pitch(middle)).toBe(700);
      expect(amplitude(middle, 700)).toBeWithin(0.27, 0.33);
    },
  );

  test("the parrot falls silent when the caller goes on", async () => {
    const says = join(folder, "goes-on.wav");
    const samples = new Float64Array(8000 * 20);
    samples.set(sine(700, 1500, 0.3), 0);
    // The answer begins 0.6 s after the end, that is after 2.1 s; half a second of it can have been heard by then.
    samples.set(sine(900, 300, 0.3), 8000 * 2.8);
    await writeWav(says, 8000, samples);
    const phone = await dial("agent", { says: { file: says } });
    await Bun.sleep(3600);
    await phone.hangup();
    await phone.event("CALL_CLOSED");
    expect(duration(heard(phone), 700, 0.2)).toBeWithin(300, 1000);
  });

  test("a program in Python over AudioSocket: its own tone and the key", async () => {
    const phone = await dial("echo", { says: { tone: 620 } });
    expect(await echo.line(/^id /)).toBe("id 40325ec25efd4bd3805f53576e581d13");
    await Bun.sleep(2000);
    await phone.press("9");
    await phone.event("CALL_CLOSED");
    expect(await echo.line(/^key /)).toBe("key 9");
    const sound = heard(phone);
    expect(pitch(sound.subarray(8000, 14_000))).toBe(620);
    // A frame that comes late puts the tone out of step with itself: some 0.75 s of it are without that.
    const stretches = [4000, 6000, 8000, 10_000].map((from) => sound.subarray(from, from + 6000));
    expect(Math.max(...stretches.map((stretch) => amplitude(stretch, 620)))).toBeWithin(0.28, 0.35);
  });

  test("a script that may not reach a host is told so", async () => {
    await dial("strange");
    expect(await server.program.line(/STREAM: /)).toContain("`allow: net` does not name the host");
  });
});
