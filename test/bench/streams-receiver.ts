/** The other end of `streams.bench.ts`: notes each RTP packet's arrival and tells how late they were. */
import { bindUdp } from "../../src/udp.ts";

const base = Number(process.argv[2]);
const ports = Number(process.argv[3]);

interface Stream {
  /** Arrival of each packet minus 20 ms per sequence number, ms. */
  offsets: Float64Array;
  first: number;
  last: number;
  packets: number;
}
/** Per stream: a minute. */
const maxPackets = 3000;
const streams = new Map<number, Stream>();
let measuring = false;

function take(packet: Uint8Array): void {
  if (!measuring || packet.length !== 172) return;
  const now = performance.now();
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const ssrc = view.getUint32(8);
  const sequence = view.getUint16(2);
  let stream = streams.get(ssrc);
  if (stream === undefined) {
    stream = { offsets: new Float64Array(maxPackets), first: sequence, last: sequence, packets: 0 };
    streams.set(ssrc, stream);
  }
  const step = (sequence - stream.first) & 0xffff;
  stream.last = sequence;
  stream.offsets[stream.packets++ % maxPackets] = now - step * 20;
}

for (let i = 0; i < ports; i++)
  await bindUdp({ host: "127.0.0.1", port: base + i, onPacket: take, receiveBuffer: 4 << 20 });
console.log("ready");

for await (const chunk of process.stdin) {
  const command = String(chunk).trim();
  if (command === "start") measuring = true;
  if (command === "stop") {
    measuring = false;
    const late: number[] = [];
    let lost = 0;
    for (const { offsets: all, first, last, packets } of streams.values()) {
      const offsets = all.subarray(0, packets);
      const best = Math.min(...offsets);
      for (const offset of offsets) late.push(offset - best);
      lost += ((last - first) & 0xffff) + 1 - packets;
    }
    late.sort((a, b) => a - b);
    const at = (share: number) => Number((late[Math.floor(share * (late.length - 1))] ?? 0).toFixed(2));
    const within = late.filter((ms) => ms <= 5).length / late.length;
    const report = {
      streams: streams.size,
      packets: late.length,
      lost,
      p50: at(0.5),
      p99: at(0.99),
      p999: at(0.999),
      max: at(1),
      within5ms: Number(within.toFixed(5)),
    };
    console.log(JSON.stringify(report));
  }
}
process.exit(0);
