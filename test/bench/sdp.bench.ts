/** What a call's SDP costs, in µs of CPU time (garbage collection included): `bun test/bench/sdp.bench.ts`. */
import { parse } from "sdp-transform";
import { OfferAnswer } from "../../src/sip/offer-answer.ts";
import { formatSdp, parseSdp } from "../../src/sip/sdp.ts";

const offer = [
  "v=0",
  "o=alice 2890844526 2890844526 IN IP4 192.0.2.10",
  "s=-",
  "c=IN IP4 192.0.2.10",
  "t=0 0",
  "m=audio 49170 RTP/AVP 0 8 9 18 101",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:8 PCMA/8000",
  "a=rtpmap:9 G722/8000",
  "a=rtpmap:18 G729/8000",
  "a=fmtp:18 annexb=no",
  "a=rtpmap:101 telephone-event/8000",
  "a=fmtp:101 0-16",
  "a=ptime:20",
  "a=sendrecv",
  "a=rtcp:49171",
  "",
].join("\r\n");
const octets = new TextEncoder().encode(offer);
const description = parseSdp(octets);
const local = { host: "192.0.2.1", port: 10_000, rtcpPort: 10_001 };
const party = () => new OfferAnswer({ codecs: ["PCMU", "PCMA"], telephoneEvent: true, sessionId: "42" });
const answer = (() => {
  const us = party();
  us.receiveOffer(octets);
  return us.answer(local)?.sdp ?? "";
})();

function measure(what: string, run: () => unknown): void {
  const rounds = 20_000;
  for (let i = 0; i < rounds; i++) run();
  let best = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < 7; batch++) {
    const start = process.cpuUsage().user;
    for (let i = 0; i < rounds; i++) run();
    best = Math.min(best, (process.cpuUsage().user - start) / rounds);
  }
  console.log(`${what.padEnd(48)} ${best.toFixed(2).padStart(7)} µs`);
}

measure("sdp-transform: parse an offer", () => parse(offer));
measure("parse an offer", () => parseSdp(octets));
if (!("failure" in description)) measure("format it", () => formatSdp(description));
measure("called: parse the offer, choose, write the answer", () => {
  const us = party();
  us.receiveOffer(octets);
  return us.answer(local);
});
measure("calling: write an offer, parse the answer", () => {
  const us = party();
  us.offer(local);
  return us.receiveAnswer(answer);
});
