/**
 * So many browsers that call one server and speak all the time, in one process: `bun test/bench/webrtc-load.ts HOST PORT CALLS
 * RATE SECONDS`. Prints JSON: the times from INVITE to the first packet that could be decrypted, and how late packets came.
 */
import { makeCertificate } from "../../src/media/dtls/certificate.ts";
import { ChosenTransport } from "../../src/media/transport/chosen-transport.ts";
import { OfferAnswer } from "../../src/sip/offer-answer.ts";
import { secureRandom } from "../../src/sip/random.ts";
import { bindUdp } from "../../src/udp.ts";

const [host = "127.0.0.1", port = "5060", count = "100", rate = "10", seconds = "5"] = process.argv.slice(2);
const certificate = makeCertificate();
const clock = {
  now: () => performance.now(),
  after: (ms: number, fire: () => void) => {
    const timer = setTimeout(fire, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

interface Browser {
  callId: string;
  began: number;
  /** The first packet, ms after the INVITE. */
  first: number | undefined;
  /** When packets came, less their own time, ms. */
  offsets: number[];
  speak(): void;
  answered(sdp: string): void;
  bye(): void;
}

const browsers = new Map<string, Browser>();
const signalling = await bindUdp({
  host: "127.0.0.1",
  port: 0,
  guarded: false,
  onPacket: (datagram) => {
    const text = Buffer.from(datagram).toString("latin1");
    const browser = browsers.get(/^Call-ID: *(\S+)/im.exec(text)?.[1] ?? "");
    if (browser === undefined || !text.startsWith("SIP/2.0 200") || !/^CSeq: *1 INVITE/im.test(text)) return;
    browser.answered(text);
  },
});
const send = (text: string) => void signalling.send(Buffer.from(text, "latin1"), Number(port), host);

async function call(n: number): Promise<Browser> {
  const offers = new OfferAnswer({
    codecs: ["PCMU"],
    telephoneEvent: true,
    sessionId: `${n + 1}`,
    webRtc: {
      fingerprint: certificate.fingerprint,
      credentials: () => ({ ufrag: secureRandom.token(4), pwd: secureRandom.token(16) }),
      offer: true,
    },
  });
  const socket = await bindUdp({
    host: "127.0.0.1",
    port: 0,
    onPacket: (datagram, from, source) => transport.receiveRtp(datagram, from, source),
  });
  let ready = false;
  const transport = new ChosenTransport(
    { rtp: (packet, to, at) => void socket.send(packet, to, at), rtcp: () => {} },
    {
      ipv6: false,
      clock,
      ready: () => {
        ready = true;
      },
      gone: (reason) => console.error(reason),
    },
  );
  const callId = `webrtc-${n}-${process.pid}`;
  const offer = offers.offer({ host: "127.0.0.1", port: socket.port, rtcpPort: socket.port });
  const sdp = offer.ok ? offer.sdp : "";
  const head = (method: string, sequence: number, to = "") =>
    `${method} sip:bench@${host}:${port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${signalling.port};branch=z9hG4bK${callId}${method}${sequence};rport\r\n` +
    `From: <sip:load@127.0.0.1>;tag=${callId}\r\nTo: <sip:bench@${host}>${to}\r\nCall-ID: ${callId}\r\nCSeq: ${sequence} ${method}\r\n` +
    `Contact: <sip:load@127.0.0.1:${signalling.port}>\r\nMax-Forwards: 70\r\n`;
  let tag = "";
  const packet = new Uint8Array(172);
  const view = new DataView(packet.buffer);
  packet.fill(0x55, 12);
  view.setUint16(0, 0x8000);
  view.setUint32(8, 0x1000 + n);
  let sequence = 0;
  const browser: Browser = {
    callId,
    began: performance.now(),
    first: undefined,
    offsets: [],
    answered(text) {
      tag ||= /^To:.*(;tag=[^;\s]+)/im.exec(text)?.[1] ?? "";
      send(`${head("ACK", 1, tag)}Content-Length: 0\r\n\r\n`);
      const answer = offers.receiveAnswer(text.slice(text.indexOf("\r\n\r\n") + 4));
      if (!answer.ok) return;
      const { remote: _, ...negotiated } = answer.negotiated;
      transport.configure({ ...negotiated, remote: undefined }, certificate);
    },
    speak() {
      if (!ready) return;
      view.setUint16(2, ++sequence & 0xffff);
      view.setUint32(4, sequence * 160);
      transport.rtp(packet, 0, "");
    },
    bye: () => send(`${head("BYE", 2, tag)}Content-Length: 0\r\n\r\n`),
  };
  transport.user = {
    receiveRtp(received) {
      const now = performance.now();
      browser.first ??= now - browser.began;
      if (((received[1] ?? 0) & 0x7f) !== 0) return;
      const timestamp = new DataView(received.buffer, received.byteOffset).getUint32(4);
      browser.offsets.push(now - timestamp / 8);
    },
    receiveRtcp: () => {},
    refused: () => {},
  };
  browsers.set(callId, browser);
  send(`${head("INVITE", 1)}Content-Type: application/sdp\r\nContent-Length: ${sdp.length}\r\n\r\n${sdp}`);
  return browser;
}

const all: Browser[] = [];
const speaking = setInterval(() => {
  for (const browser of all) browser.speak();
}, 20);
for (let n = 0; n < Number(count); n++) {
  all.push(await call(n));
  await Bun.sleep(1000 / Number(rate));
}
await Bun.sleep(1000);
for (const browser of all) browser.offsets.length = 0;
console.log("up");
await Bun.sleep(Number(seconds) * 1000);
const late = all
  .flatMap(({ offsets }) => {
    const earliest = offsets.reduce((least, offset) => Math.min(least, offset), Number.POSITIVE_INFINITY);
    return offsets.map((offset) => offset - earliest);
  })
  .sort((a, b) => a - b);
const first = all.flatMap((browser) => browser.first ?? []).sort((a, b) => a - b);
clearInterval(speaking);
for (const browser of all) browser.bye();
await Bun.sleep(200);
const at = (list: number[], share: number) => list[Math.floor(list.length * share)] ?? null;
console.log(
  JSON.stringify({
    calls: all.length,
    connected: first.length,
    firstP50: at(first, 0.5),
    firstP99: at(first, 0.99),
    packets: late.length,
    lateP50: at(late, 0.5),
    lateP99: at(late, 0.99),
  }),
);
process.exit(0);
