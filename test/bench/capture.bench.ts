/**
 * What capturing costs: a message kept, looked at for somebody who follows, sent on by HEP; a full ring searched, and made a
 * capture file of. Prints; asserts nothing. `bun test/bench/capture.bench.ts`
 */
import { HepSender } from "../../src/control/capture/hep-sender.ts";
import { Capture } from "../../src/control/capture/store.ts";
import { createLog } from "../../src/log.ts";
import { bindUdp } from "../../src/udp.ts";

const message = Buffer.from(
  [
    "INVITE sip:bob@example.com SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK776asdhds",
    "Max-Forwards: 70",
    "From: Alice <sip:alice@example.com>;tag=1928301774",
    "To: Bob <sip:bob@example.com>",
    "Call-ID: a84b4c76e66710@pc33.example.com",
    "CSeq: 314159 INVITE",
    "Contact: <sip:alice@192.0.2.7>",
    'Authorization: Digest username="alice",realm="example.com",nonce="84a4cc6f3082121f32b42a2187831a9e",response="7587245234b3434cc3412213e5f113a5432"',
    "Content-Type: application/sdp",
    "Content-Length: 138",
    "",
    "v=0\r\no=alice 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 10000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n",
  ].join("\r\n"),
  "latin1",
);
const flow = {
  transport: "udp",
  local: { host: "192.0.2.1", port: 5060 },
  remote: { host: "192.0.2.7", port: 5060 },
} as const;
const batch = 100;

const capture = new Capture({ size: 16 << 20, watch: () => {} });

function kept(rounds: number): number {
  const start = performance.now();
  for (let i = 0; i < rounds; i++) capture.received(message, flow);
  return ((performance.now() - start) * 1000) / rounds;
}
kept(100_000);
console.log(`kept: ${kept(500_000).toFixed(2)} µs a message`);

for (const filter of [{}, { callId: "nobody's" }, { user: "nobody" }]) {
  const start = performance.now();
  capture.messages(filter);
  const ms = (performance.now() - start).toFixed(1);
  console.log(`${capture.captureState().messages} messages searched by ${JSON.stringify(filter)}: ${ms} ms`);
}

let late = 0;
// CPU between two turns, which a busy machine does not change.
const spent = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
let last = spent();
const watch = setInterval(() => {
  late = Math.max(late, spent() - last);
  last = spent();
}, 1);
const began = performance.now();
const file = await capture.pcap({});
clearInterval(watch);
console.log(
  `a capture file of ${file.length >> 20} MB: ${Math.round(performance.now() - began)} ms, others late by ${late.toFixed(0)} ms`,
);

async function followed(what: string, count: number): Promise<void> {
  let heard = 0;
  const stop = capture.follow({}, () => heard++);
  const cpu = process.cpuUsage();
  for (let sent = 0; sent < count; sent += batch) {
    for (let i = 0; i < batch; i++) capture.received(message, flow);
    while (heard < sent + batch) await new Promise((resolve) => setImmediate(resolve));
  }
  const { user, system } = process.cpuUsage(cpu);
  stop();
  console.log(`${what}: ${((user + system) / count).toFixed(1)} µs CPU a message`);
}
await followed("followed", 20_000);
const sink = await bindUdp({ host: "127.0.0.1", port: 0, onPacket: () => {} });
const log = createLog({ level: "error", format: "pretty" });
const hep = new HepSender({ server: { host: "127.0.0.1", port: sink.port }, id: 1, password: "x" }, capture, log);
await followed("followed, and sent by HEP", 20_000);
hep.close();
sink.close();
