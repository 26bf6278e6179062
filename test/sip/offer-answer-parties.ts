/** Both sides of an offer/answer exchange: ours as an OfferAnswer, the peer's as text. */
import { expect } from "bun:test";
import { OfferAnswer, type OfferAnswerOptions } from "../../src/sip/offer-answer.ts";

export const local = { host: "192.0.2.1", port: 10_000, rtcpPort: 10_001 };
export const party = (options: Partial<OfferAnswerOptions> = {}) =>
  new OfferAnswer({ codecs: ["PCMU", "PCMA"], telephoneEvent: true, sessionId: "42", ...options });
export const lines = (sdp: string | undefined) => (sdp ?? "").split("\r\n");
export const mediaLines = (sdp: string | undefined) => lines(sdp).filter((line) => line.startsWith("m="));
export const versionOf = (sdp: string) => Number(lines(sdp)[1]?.split(" ")[2]);

/** A peer's description: an address, then m-lines and attributes. */
export function theirs(...body: string[]): string {
  const text = ["v=0", "o=peer 7 7 IN IP4 198.51.100.9", "s=-", "c=IN IP4 198.51.100.9", "t=0 0", ...body];
  return `${text.join("\r\n")}\r\n`;
}
export const plain = theirs("m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15");

export function answerTo(offer: string, options: Partial<OfferAnswerOptions> = {}) {
  const us = party(options);
  const received = us.receiveOffer(offer);
  expect(received).toMatchObject({ ok: true });
  const answer = us.answer(local);
  if (answer === undefined) throw new TypeError("no answer");
  return { us, ...answer };
}

export function sdpOf(made: ReturnType<OfferAnswer["offer"]>): string {
  if (!made.ok) throw new TypeError(made.reason);
  return made.sdp;
}
