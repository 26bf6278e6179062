/** What the message layer costs: nanoseconds per operation, best of five rounds. Run it with `bun test/bench/parse.bench.ts`. */
import { StreamFramer } from "../../src/sip/framer.ts";
import { buildRequest, buildResponse, checkRequest, parseMessage, Request } from "../../src/sip/message.ts";

const sdp = [
  "v=0",
  "o=alice 2890844526 2890844526 IN IP4 client.atlanta.example.com",
  "s=-",
  "c=IN IP4 192.0.2.101",
  "t=0 0",
  "m=audio 49172 RTP/AVP 0 8 101",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:101 telephone-event/8000",
  "",
].join("\r\n");

const headers = [
  ["Via", "SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74bf9;rport"],
  ["Max-Forwards", "70"],
  ["From", '"Alice" <sip:alice@atlanta.example.com>;tag=9fxced76sl'],
  ["To", "Bob <sip:bob@biloxi.example.com>"],
  ["Call-ID", "3848276298220188511@atlanta.example.com"],
  ["CSeq", "1 INVITE"],
  ["Contact", "<sip:alice@client.atlanta.example.com;transport=udp>"],
  ["Allow", "INVITE, ACK, CANCEL, OPTIONS, BYE"],
  ["User-Agent", "Example/1.0"],
  ["Content-Type", "application/sdp"],
] as const;

const invite = buildRequest({
  method: "INVITE",
  uri: "sip:bob@biloxi.example.com",
  headers,
  body: Buffer.from(sdp),
});
const octets = invite.bytes();
const source = { host: "192.0.2.101", port: 5060 };

function parsed(): Request {
  const message = parseMessage(octets, "datagram");
  if (!(message instanceof Request)) throw new TypeError("the benchmark's own INVITE does not parse");
  return message;
}

let sink = 0;

const cases: Record<string, () => void> = {
  "parse only": () => {
    sink += parsed().head.length;
  },
  "parse, Via From To Call-ID CSeq Contact": () => {
    const m = parsed();
    sink += (m.via.branch?.length ?? 0) + (m.from.tag?.length ?? 0) + (m.to.tag?.length ?? 0);
    sink += m.callId.length + m.cseq.number + (m.contact?.uriText.length ?? 0);
  },
  "parse, checkRequest": () => {
    sink += checkRequest(parsed()) === undefined ? 1 : 0;
  },
  "parse, 200 with tag and rport, octets": () => {
    sink += buildResponse(parsed(), 200, { toTag: "8321234356", source }).bytes().length;
  },
  "build the INVITE, octets": () => {
    sink += buildRequest({ method: "INVITE", uri: "sip:bob@biloxi.example.com", headers, body: invite.body }).bytes()
      .length;
  },
  "frame and parse one from a stream": () => {
    sink += framer.push(octets).length;
  },
};
const framer = new StreamFramer({ maxHead: 16384, maxBody: 65536 });

console.log(`INVITE of ${octets.length} octets, ${octets.length - sdp.length} of them head`);
for (const [name, run] of Object.entries(cases)) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 6; round++) {
    const times = round === 0 ? 20_000 : 50_000;
    const start = Bun.nanoseconds();
    for (let time = 0; time < times; time++) run();
    if (round > 0) best = Math.min(best, (Bun.nanoseconds() - start) / times);
  }
  console.log(`${best.toFixed(0).padStart(7)} ns  ${name}`);
}
if (sink === 0) console.log("nothing was done");
