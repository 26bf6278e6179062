/** Sound of calls from and to files, pipes and devices: a pipeline with sox keeps time, and what goes in comes back. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { has } from "../support/peers/available.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { Program } from "../support/peers/program.ts";
import { binary, type Server, siproc } from "../support/peers/siproc.ts";
import { duration, pitch } from "../support/peers/sound.ts";

const echo = {
  config: "routes: [{ to: echo, script: echo.ts }]",
  files: {
    "echo.ts":
      "export default async function (call: Call) { await call.answer(); await call.echo(); await call.ended; }\n",
  },
};

async function sh(
  server: Server,
  command: string,
  files: Record<string, string> = {},
  env: Record<string, string> = {},
) {
  const folder = temporaryFolder("sound", files);
  const text = `siproc() { "${binary}" "$@"; }\nE=sip:echo@${server.address}\nL="--int-ip 127.0.0.1"\n${command}`;
  const began = performance.now();
  const program = new Program({ command: ["bash", "-o", "pipefail", "-c", text], cwd: folder, env });
  const exit = await program.finish(30_000);
  return { exit, program, ms: performance.now() - began, file: (name: string) => join(folder, name) };
}

/** Bare samples of a file as numbers from -1 to 1. */
function samples(file: string): Float64Array {
  const octets = readFileSync(file);
  return Float64Array.from({ length: octets.length >> 1 }, (_, i) => octets.readInt16LE(2 * i) / 32768);
}

describe.skipIf(!has("sox"))("siproc call --audio-in --audio-out", () => {
  test("a pipeline with sox keeps time: 3 s of a tone come back as 3 s of a tone", async () => {
    const server = await siproc(echo);
    const { exit, program, ms, file } = await sh(
      server,
      `sox -n -r 44100 -b 16 in.wav synth 3 sine 440 vol 0.5
sox in.wav -t raw -r 8000 -e signed -b 16 -c 1 - | siproc call $E $L --audio-in - --audio-out - | sox -t raw -r 8000 -e signed -b 16 -c 1 - -t raw out.raw`,
    );
    expect(exit).toBe(0);
    const heard = samples(file("out.raw"));
    // All of it, and the second that is listened on.
    expect(heard.length / 8000).toBeWithin(3.8, 4.3);
    expect(pitch(heard)).toBe(440);
    expect(duration(heard, 440, 0.2)).toBeWithin(2900, 3101);
    expect(ms).toBeWithin(3800, 12_000);
    const result = JSON.parse(program.stderr.find((line) => line.startsWith("{")) ?? "{}");
    expect(result).toMatchObject({ status: "answered", by: "local" });
    expect(result.rtp.lost).toBe(0);
    await server.stop();
  }, 40_000);

  test("files of other rates: WAV at 44.1 kHz in and out", async () => {
    const server = await siproc(echo);
    const { exit, program, file } = await sh(
      server,
      `sox -n -r 44100 -b 24 in.wav synth 1.5 sine 700 vol 0.5
siproc call $E $L --audio-in in.wav --audio-out out.wav --samplerate 44100 --linger 500ms && sox out.wav -t raw -r 8000 -e signed -b 16 -c 1 out.raw`,
    );
    expect(exit).toBe(0);
    expect(JSON.parse(program.stdout[0] ?? "").status).toBe("answered");
    const heard = samples(file("out.raw"));
    expect(heard.length / 8000).toBeWithin(1.9, 2.3);
    expect(duration(heard, 700, 0.2)).toBeWithin(1400, 1601);
    await server.stop();
  }, 40_000);

  test("--audio-loopback sends back, and --audio-in tone:700 says a tone", async () => {
    const server = await siproc({
      config: "routes: [{ to: echo, script: says.ts }]",
      files: {
        "says.ts": "export default async function (call: Call) { await call.answer(); await call.ended; }\n",
      },
    });
    const { exit, file } = await sh(server, "siproc call $E $L --audio-in tone:700 --audio-out o.raw --duration 700ms");
    expect(exit).toBe(0);
    // Nobody says anything: 20 ms of silence for each 20 ms.
    expect(statSync(file("o.raw")).size).toBeWithin(9600, 12_000);
    await server.stop();
  });

  test("a reader of stdout that goes away ends the call", async () => {
    const server = await siproc(echo);
    const { program, ms } = await sh(
      server,
      "siproc call $E $L --audio-in tone:700 --audio-out - | head -c 4000 | wc -c",
    );
    expect(program.stdout).toEqual(["4000"]);
    expect(ms).toBeLessThan(10_000);
    await server.stop();
  });

  test("a reader that is slow loses nothing and delays nothing", async () => {
    const server = await siproc(echo);
    const { program } = await sh(
      server,
      "siproc call $E $L --audio-in tone:700 --audio-out - --duration 6s | (sleep 5; wc -c)",
    );
    const result = JSON.parse(program.stderr.find((line) => line.startsWith("{")) ?? "{}");
    expect(result.rtp.sent).toBeWithin(270, 310);
    // 20 ms of 8,000 samples for each packet, whenever the first one came; a pipe alone holds no more than 204 of them.
    const { received } = result.rtp;
    expect(received).toBeGreaterThan(204);
    expect(Number(program.stdout[0]) / 320).toBeWithin(received - 5, received + 6);
    await server.stop();
  }, 30_000);

  test.each([
    ["--audio-in nowhere.wav", "--audio-in is a file that can be read"],
    ["--audio-in - sip:other@127.0.0.1", "stdin is the sound of one call"],
    ["--samplerate 1000", "--samplerate is a rate from 8000"],
  ])("%s: exit code 2", async (options, complaint) => {
    const program = new Program({ command: ["sh", "-c", `"${binary}" call sip:a@127.0.0.1 ${options}`] });
    expect(await program.finish(10_000)).toBe(2);
    expect(program.stderr.join("\n")).toContain(complaint);
  });

  test("what begins as WAV and is none is told; the call goes on without", async () => {
    const server = await siproc(echo);
    const { program, exit } = await sh(server, "siproc call $E $L --audio-in bad.wav --linger 200ms", {
      "bad.wav": `RIFF${"x".repeat(4000)}`,
    });
    expect(program.stderr.join("\n")).toContain("sound is missing");
    expect(exit).toBe(0);
    await server.stop();
  });
});

describe.skipIf(!has("aplay", "sox"))("devices, by ALSA", () => {
  /** A sound card that is two files: what it records, and what it has played. */
  const asoundrc = (folder: string) => `
pcm.card { type file slave.pcm null file ${folder}/played.raw infile ${folder}/recorded.raw format raw }
pcm.silent { type null }
`;

  test("what the microphone hears is said, what is heard is played", async () => {
    const server = await siproc(echo);
    const folder = temporaryFolder("alsa", {});
    await Bun.write(join(folder, "asoundrc"), asoundrc(folder));
    const env = { ALSA_CONFIG_PATH: `/usr/share/alsa/alsa.conf:${join(folder, "asoundrc")}` };
    const { exit, program } = await sh(
      server,
      `sox -n -r 8000 -b 16 -c 1 -e signed ${folder}/recorded.raw synth 20 sine 620 vol 0.5
siproc call $E $L --audio-in arecord:card --audio-out aplay:card --duration 2s`,
      {},
      env,
    );
    expect(program.stderr.filter((line) => line.includes("failed"))).toEqual([]);
    expect(exit).toBe(0);
    expect(existsSync(join(folder, "played.raw"))).toBe(true);
    const heard = samples(join(folder, "played.raw"));
    expect(pitch(heard)).toBe(620);
    await server.stop();
  }, 30_000);

  test("a null device: the call has its length, and silence", async () => {
    const server = await siproc(echo);
    const { exit, program } = await sh(
      server,
      "siproc call $E $L --audio-in arecord:null --audio-out aplay:null --duration 1s",
    );
    expect(exit).toBe(0);
    expect(JSON.parse(program.stdout[0] ?? "").rtp.sent).toBeWithin(40, 60);
    await server.stop();
  });

  test("a device that is not there is told, and the call goes on", async () => {
    const server = await siproc(echo);
    const { exit, program } = await sh(server, "siproc call $E $L --audio-in arecord:hw:77 --duration 1s");
    expect(program.stderr.join("\n")).toMatch(/sound is missing .*arecord failed/);
    expect(exit).toBe(0);
    await server.stop();
  });
});
