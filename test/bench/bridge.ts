/**
 * What calls together cost: two that DIAL has joined, with one codec and with two, beside baresip's b2bua for the same phones;
 * and a member of a conference. SIPp is callers and callees, and all of them talk all the time.
 */
import { join } from "node:path";
import { has } from "../support/peers/available.ts";
import { phoneHost } from "../support/peers/baresip.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { freePort, mediaPorts, untilBound } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { startSipp } from "../support/peers/sipp.ts";
import { sine, writeWav } from "../support/peers/sound.ts";
import { cpu, loadCore, type Row, server, serverCore } from "./load.ts";

const calls = 40;
const rate = 10; // new calls per second
const rampMs = (calls / rate) * 1000 + 2000;
const measuredMs = 4000;

type Codec = "PCMU" | "PCMA";
const types: Readonly<Record<Codec, string>> = { PCMU: "0", PCMA: "8" };

/** Where callees are, and what everybody says. */
interface Scene {
  readonly wav: (codec: Codec) => string;
  readonly callees: number;
}

export async function* bridgeBench(): AsyncIterable<Row> {
  const folder = temporaryFolder("bridge");
  const scene: Scene = { wav: (codec) => join(folder, `${codec}.wav`), callees: await freePort() };
  const tone = join(folder, "tone.wav");
  await writeWav(tone, 8000, sine(440, 20_000, 0.3));
  for (const [codec, law] of [
    ["PCMU", "u-law"],
    ["PCMA", "a-law"],
  ] as const)
    Bun.spawnSync(["sox", tone, "-e", law, scene.wav(codec)]);
  const dial = `export default async function (call: Call) { await call.dial("sip:bench@${phoneHost}:${scene.callees}"); }\n`;
  const meet =
    'export default async function (call: Call) { await call.answer(); await call.conference("bench", { tones: false }); }\n';
  const one = await own(scene, dial, "PCMU");
  const two = await own(scene, dial, "PCMA");
  const other = has("baresip") ? await baresip(scene) : Number.NaN;
  const beside = (cost: number) => `${(cost / other).toFixed(2)} of baresip's b2bua (${other.toFixed(1)} ms)`;
  yield { bench: "bridge", subject: `a joined call of ${calls}, one codec`, result: shown(one), against: beside(one) };
  yield { bench: "bridge", subject: `a joined call of ${calls}, two codecs`, result: shown(two), against: beside(two) };
  yield { bench: "bridge", subject: `a member of a conference of ${calls}`, result: shown(await own(scene, meet)) };
}

/** The first of the ports for the sound of all calls that a SIPp has. */
const soundPort = async () => (await mediaPorts(4 * calls))[0];

const shown = (cost: number) => `${cost.toFixed(1)} ms of CPU a second`;

/** The cost of one call in our binary, which runs `script`; callees, if any, speak `codec`. */
async function own(scene: Scene, script: string, codec?: Codec): Promise<number> {
  const subject = await server(script, {
    host: phoneHost,
    config:
      'routes: [{ to: "*", script: bench.ts }]\nscripts: { allow: { dial: ["*"] } }\nlimits: { calls: 1000, calls_per_source: 1000 }',
    mediaPorts: 8 * calls,
  });
  try {
    return await measured(scene, subject.program.pid, subject.address, codec);
  } finally {
    await subject.stop();
  }
}

/** CPU time of one call in ms per second, once all are up. */
async function measured(scene: Scene, pid: number, remote: string, codec: Codec | undefined): Promise<number> {
  const talks = (spoken: Codec) => ({ wav: scene.wav(spoken), codec: spoken, type: types[spoken] });
  const common = { host: phoneHost, calls, rate, limit: 2 * calls, trace: false, prefix: loadCore, timeout: 60_000 };
  const pause = `${rampMs + measuredMs + 2000}`;
  const callees =
    codec &&
    (await startSipp({
      ...common,
      scenario: "uas-talks",
      values: talks(codec),
      args: ["-p", `${scene.callees}`, "-mp", `${await soundPort()}`],
    }));
  if (callees !== undefined) await untilBound(scene.callees, "udp", 5000);
  const callers = await startSipp({
    ...common,
    scenario: "uac-talks",
    values: { ...talks("PCMU"), pause },
    service: "bench",
    remote,
    args: ["-mp", `${await soundPort()}`],
  });
  await Bun.sleep(rampMs);
  const before = cpu(pid);
  const began = performance.now();
  await Bun.sleep(measuredMs);
  const cost = (cpu(pid) - before) / (performance.now() - began) / calls;
  const run = await callers.result;
  await callees?.stop();
  if (run.successful < calls) console.error(`only ${run.successful} of ${calls} calls went well`);
  return cost;
}

async function baresip(scene: Scene): Promise<number> {
  const port = await freePort();
  const sound = await mediaPorts(12 * calls);
  const target = `${phoneHost}:${scene.callees}`;
  const folder = temporaryFolder("b2bua", {
    accounts: [
      `<sip:bench@${phoneHost}>;regint=0;answermode=manual;audio_codecs=pcmu;b2bua=inbound`,
      `<sip:out@${target}>;regint=0;outbound="sip:${target}";audio_codecs=pcmu;b2bua=outbound`,
      "",
    ].join("\n"),
    contacts: "",
    config: [
      "poll_method epoll",
      `sip_listen ${phoneHost}:${port}`,
      "call_max_calls 1000",
      ...["player", "source", "alert"].map((way) => `audio_${way} aubridge,bench`),
      ...["ausrc_srate 8000", "auplay_srate 8000", "ausrc_channels 1", "auplay_channels 1"],
      ...["audio_buffer 20-160", "jitter_buffer_delay 1-10", `rtp_ports ${sound.join("-")}`],
      ...["module_path /usr/lib/baresip/modules", "module g711.so", "module aubridge.so", "module_tmp uuid.so"],
      ...["module_tmp account.so", "module_app menu.so", "module_app b2bua.so", "menu_bell no"],
      "ringback_disabled yes",
      "",
    ].join("\n"),
  });
  const program = new Program({ command: [...serverCore, "baresip", "-4", "-f", folder], cwd: folder });
  try {
    await untilBound(port, "udp", 5000, program.pid);
    return await measured(scene, program.pid, `${phoneHost}:${port}`, "PCMU");
  } finally {
    await program.stop();
  }
}
