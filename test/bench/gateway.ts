/** What it costs to join a browser with a phone in the proxy: packets of one codec, and Opus transcoded; both sides speak. */
import { join } from "node:path";
import { temporaryFolder } from "../support/peers/folder.ts";
import { Program } from "../support/peers/program.ts";
import { siproc } from "../support/peers/siproc.ts";
import { sine, wav } from "../support/peers/sound.ts";
import { cpu, loadCore, memory, type Row, serverCore } from "./load.ts";

const rate = 10;
const seconds = 5;
const limits = "limits: { calls: 10000, calls_per_source: 10000 }";
const script =
  'export default async function (call: Call) { await call.answer(); for (;;) await call.play("minute.wav"); }\n';

export async function* gatewayBench(): AsyncIterable<Row> {
  yield await measure(50, "PCMU");
  yield await measure(20, "opus");
}

/** The browsers have PCMU alone; `codec` is what the phones have. */
async function measure(calls: number, codec: "PCMU" | "opus"): Promise<Row> {
  const phones = await siproc({
    config: `routes: [{ to: "*", script: bench.ts }]\nscripts: { allow: { read: [.] } }\n${limits}`,
    quiet: true,
    mediaPorts: 400,
    codecs: [codec],
    files: { "bench.ts": script, "minute.wav": wav(8000, sine(440, 60_000, 0.3)) },
    prefix: loadCore,
  });
  const subject = await siproc({
    config: `routes: [{ to: "*", proxy: "sip:${phones.address}", media: plain }]\n${limits}`,
    quiet: true,
    mediaPorts: 800,
    codecs: ["PCMU", "opus"],
    prefix: serverCore,
  });
  try {
    const { pid } = subject.program;
    const load = (...numbers: number[]) =>
      new Program({
        command: [
          ...[...loadCore, process.execPath, join(import.meta.dir, "webrtc-load.ts"), subject.host],
          ...[subject.port, ...numbers].map(String),
        ],
        cwd: temporaryFolder("gateway"),
      });
    // What the first calls of a process cost once is not what a call costs.
    await load(3, 5, 1).line(/^\{/, 20_000);
    const held = memory(pid);
    const run = load(calls, rate, seconds);
    await run.line(/^up/, 60_000);
    const before = cpu(pid);
    const began = performance.now();
    const megabytes = (memory(pid) - held) / 1024 / calls;
    const figures: unknown = JSON.parse(await run.line(/^\{/, 40_000));
    const core = (cpu(pid) - before) / ((performance.now() - began) * 1000);
    const figure = (name: string) => Number(typeof figures === "object" && figures && Reflect.get(figures, name));
    return {
      bench: "gateway",
      subject: `${figure("connected")} browsers and phones, ${codec === "PCMU" ? "PCMU passed on" : "PCMU to Opus"}`,
      result: `${core.toFixed(2)} core, ${megabytes.toFixed(2)} MB a call, first sound p50 ${figure("firstP50").toFixed(0)} ms, ${(figure("packets") / calls / seconds).toFixed(0)} packets/s heard`,
      against: "wanted: 400 ms, 50 packets/s",
    };
  } finally {
    await subject.stop();
    await phones.stop();
  }
}
