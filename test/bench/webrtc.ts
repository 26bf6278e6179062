/** What calls of browsers cost: the whole server on one core, each call with ICE, DTLS and SRTP, both sides speaking. */
import { join } from "node:path";
import { temporaryFolder } from "../support/peers/folder.ts";
import { Program } from "../support/peers/program.ts";
import { sine, wav } from "../support/peers/sound.ts";
import { cpu, loadCore, memory, type Row, server } from "./load.ts";

const calls = 100;
const rate = 10;
const seconds = 5;
const script =
  'export default async function (call: Call) { await call.answer(); for (;;) await call.play("minute.wav"); }\n';

export async function* webRtcBench(): AsyncIterable<Row> {
  const subject = await server(script, {
    mediaPorts: 1000,
    files: { "minute.wav": wav(8000, sine(440, 60_000, 0.3)) },
  });
  try {
    const { pid } = subject.program;
    const load = (...numbers: number[]) =>
      new Program({
        command: [
          ...[...loadCore, process.execPath, join(import.meta.dir, "webrtc-load.ts"), subject.host],
          ...[subject.port, ...numbers].map(String),
        ],
        cwd: temporaryFolder("webrtc"),
      });
    // What the first calls of a process cost once is not what a call costs.
    await load(5, 5, 1).line(/^\{/, 20_000);
    const held = memory(pid);
    const run = load(calls, rate, seconds);
    await run.line(/^up/, 60_000);
    const before = cpu(pid);
    const began = performance.now();
    const kilobytes = memory(pid) - held;
    const figures: unknown = JSON.parse(await run.line(/^\{/, 30_000));
    const core = (cpu(pid) - before) / ((performance.now() - began) * 1000);
    const figure = (name: string) => Number(typeof figures === "object" && figures && Reflect.get(figures, name));
    yield {
      bench: "webrtc",
      subject: `${figure("connected")} calls of browsers`,
      result: `${core.toFixed(2)} core, ${(kilobytes / 1024 / calls).toFixed(2)} MB a call, p50 ${figure("lateP50").toFixed(1)} ms, p99 ${figure("lateP99").toFixed(1)} ms late`,
      against: "wanted: p99 5 ms, 1.5 MB",
    };
    yield {
      bench: "webrtc",
      subject: "INVITE to first sound",
      result: `p50 ${figure("firstP50").toFixed(0)} ms, p99 ${figure("firstP99").toFixed(0)} ms`,
      against: "wanted: 400 ms",
    };
  } finally {
    await subject.stop();
  }
}
