/** How punctual a thousand calls' audio is: the whole server on one core, timed by the kernel's stamps on the loopback. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/peers/folder.ts";
import { Program } from "../support/peers/program.ts";
import { sine, writeWav } from "../support/peers/sound.ts";
import { cpu, loadCore, type Row, server, startLoad } from "./load.ts";

const streams = 1000;
const rate = 100; // new calls per second
const seconds = 5;

const script =
  'export default async function (call: Call) { await call.answer(); for (;;) await call.play("minute.wav"); }\n';

export async function* streamsBench(): AsyncIterable<Row> {
  const folder = temporaryFolder("streams");
  const wav = join(folder, "minute.wav");
  await writeWav(wav, 8000, sine(440, 60_000, 0.3));
  const subject = await server(script, { mediaPorts: 4000, files: { "minute.wav": readFileSync(wav) } });
  try {
    const ramp = (streams / rate) * 1000;
    const run = await startLoad({
      scenario: "uac-call",
      values: { pause: `${ramp + seconds * 1000 + 6000}` },
      remote: subject.address,
      rate,
      calls: streams,
    });
    await Bun.sleep(ramp + 2000);
    const file = join(folder, "rtp.pcap");
    const filter = `udp src portrange ${subject.media[0]}-${subject.media[1]} and udp[8] & 0xc0 = 0x80`;
    const before = cpu(subject.program.pid);
    const capture = new Program({
      command: [
        ...[...loadCore, "dumpcap", "-q", "-i", "lo", "-f", filter, "-s", "64", "-B", "128", "-P"],
        ...["-w", file, "-a", `duration:${seconds}`],
      ],
    });
    await capture.finish(seconds * 1000 + 10_000);
    const core = (cpu(subject.program.pid) - before) / (seconds * 1e6);
    await run.result;
    const late = lateness(readFileSync(file));
    const percentile = (p: number) => late.milliseconds[Math.floor(late.milliseconds.length * p)] ?? Number.NaN;
    const within = late.milliseconds.findLastIndex((ms) => ms <= 5) + 1;
    yield {
      bench: "streams",
      subject: `${late.flows} G.711 plays`,
      result: `p50 ${percentile(0.5).toFixed(1)} ms, p99 ${percentile(0.99).toFixed(1)} ms late, ${late.lost} of ${late.milliseconds.length} lost, ${core.toFixed(2)} core`,
      against: `${((100 * within) / late.milliseconds.length).toFixed(2)} % within 5 ms (wanted: 99 %)`,
    };
  } finally {
    await subject.stop();
  }
}

/**
 * How late each RTP packet of a capture is, sorted, in ms. A packet's own time is by its timestamp; each stream's time
 * begins where its earliest packet puts it, so that none is early.
 */
function lateness(pcap: Buffer): { flows: number; milliseconds: Float64Array; lost: number } {
  interface Flow {
    offsets: number[];
    first: number;
    last: number;
    base: number;
  }
  const flows = new Map<number, Flow>();
  for (let at = 24; at + 16 <= pcap.length; ) {
    const ms = pcap.readUInt32LE(at) * 1000 + pcap.readUInt32LE(at + 4) / 1000;
    const packet = at + 16;
    at = packet + pcap.readUInt32LE(at + 8);
    // Ethernet 14, IPv4 20, UDP 8, RTP; comfort noise and key events do not count.
    const rtp = packet + 42;
    if (rtp + 12 > pcap.length || ((pcap[rtp + 1] ?? 0) & 0x7f) !== 0) continue;
    const port = pcap.readUInt16BE(packet + 34);
    const sequence = pcap.readUInt16BE(rtp + 2);
    const timestamp = pcap.readUInt32BE(rtp + 4);
    const flow = flows.get(port) ?? { offsets: [], first: sequence, last: sequence, base: timestamp };
    flows.set(port, flow);
    flow.last = sequence;
    flow.offsets.push(ms - ((timestamp - flow.base) | 0) / 8);
  }
  const all: number[] = [];
  let lost = 0;
  for (const { offsets, first, last } of flows.values()) {
    const earliest = offsets.reduce((least, offset) => Math.min(least, offset), Number.POSITIVE_INFINITY);
    for (const offset of offsets) all.push(offset - earliest);
    lost += ((last - first) & 0xffff) + 1 - offsets.length;
  }
  return { flows: flows.size, milliseconds: Float64Array.from(all).sort(), lost };
}
