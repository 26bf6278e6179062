/** Two sessions joined in the media worker, over real sockets. */
import { afterAll, test } from "bun:test";
import { createLog } from "../../src/log.ts";
import { type Codec, type MediaEngine, startMedia } from "../../src/media/index.ts";
import { newRtpHeader, parseRtp, writeRtpHeader } from "../../src/media/rtp.ts";
import { freePort } from "../support/peers/ports.ts";
import { until } from "../support/peers/until.ts";

const log = createLog({ level: "warn", format: "pretty", write: () => {} });
let engine: MediaEngine | undefined;
afterAll(async () => await engine?.close());

/** A phone: the payloads that came to it, and a way to say something. */
async function phone() {
  const heard: Uint8Array[] = [];
  const header = newRtpHeader();
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    socket: {
      data: (_, data) => {
        if (parseRtp(data, header)) heard.push(data.slice(header.offset, header.offset + header.length));
      },
    },
  });
  let sequence = 1;
  const say = (port: number, payloadType: number, octet: number) => {
    const packet = new Uint8Array(172).fill(octet);
    writeRtpHeader(packet, payloadType, false, sequence, sequence * 160, 77);
    sequence++;
    socket.send(packet, port, "127.0.0.1");
  };
  return { heard, say, socket };
}

test("packets of one codec come through untouched; of two codecs, as the same sound", async () => {
  const first = await freePort(40);
  engine = await startMedia({ log, ports: [first, first + 39] });
  const [alice, bob] = [await phone(), await phone()];
  const [a, b] = [engine.open({ host: "127.0.0.1" }), engine.open({ host: "127.0.0.1" })];
  const toward = (port: number, codec: Codec) => ({
    remote: { host: "127.0.0.1", port, rtcpPort: port + 1 },
    codec,
    payloadType: codec === "PCMU" ? 0 : 8,
    direction: "sendrecv" as const,
    dtmfPayloadType: 101,
  });
  a.configure(toward(alice.socket.port, "PCMU"));
  b.configure(toward(bob.socket.port, "PCMU"));
  a.join("test");
  b.join("test");
  // µ-law has two zeros: a decoder and an encoder would make this one the other.
  const zero = 0x7f;
  await until("the packets", () => {
    alice.say(a.rtpPort, 0, zero);
    return bob.heard.filter((payload) => payload[0] === zero).length >= 10;
  });
  b.configure(toward(bob.socket.port, "PCMA"));
  bob.heard.splice(0);
  const loud = 0x80;
  await until("the sound", () => {
    alice.say(a.rtpPort, 0, loud);
    // The loudest of µ-law, as A-law writes it.
    return bob.heard.filter((payload) => payload[80] === 0xaa).length >= 10;
  });
  for (const { socket } of [alice, bob]) socket.close();
}, 20_000);
