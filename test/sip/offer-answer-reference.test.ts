/** Offers and answers of other projects' tests and of real devices, with those projects' verdicts where they give one. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { OfferAnswer } from "../../src/sip/offer-answer.ts";
import { type MediaDescription, parseSdp } from "../../src/sip/sdp.ts";
import { dataJson, dataPath } from "../support/data.ts";

const local = { host: "192.0.2.1", port: 10_000, rtcpPort: 10_001 };
const party = () =>
  new OfferAnswer({ codecs: ["PCMU", "PCMA"], telephoneEvent: true, sessionId: "42", families: ["ipv4", "ipv6"] });

function mediaOf(sdp: string): readonly MediaDescription[] {
  const parsed = parseSdp(sdp);
  if ("failure" in parsed) throw new TypeError(parsed.failure);
  return parsed.media;
}

/** What RFC 3264 §6 asks of each answer, whatever the offer. */
function checkAnswer(offer: string, answer: string): void {
  const offered = mediaOf(offer);
  const answered = mediaOf(answer);
  expect(answered.map(({ kind, protocol }) => [kind, protocol])).toEqual(
    offered.map(({ kind, protocol }) => [kind, protocol]),
  );
  expect(answered.filter(({ port }) => port > 0)).toHaveLength(1);
  answered.forEach((media, at) => {
    const theirs = offered[at];
    if (theirs === undefined || media.port === 0) return;
    expect(theirs.port).toBeGreaterThan(0);
    for (const format of media.formats) expect(theirs.formats).toContain(format);
    if (theirs.direction === "inactive") expect(media.direction).toBe("inactive");
    if (theirs.direction === "sendonly") expect(media.direction).toBe("recvonly");
    if (theirs.direction === "recvonly") expect(media.direction).toBe("sendonly");
  });
}

/** 200 with the checked answer, or the refusal's status. */
function statusFor(offer: string, us = party()): number {
  const received = us.receiveOffer(offer);
  if (!received.ok) return received.status;
  checkAnswer(offer, us.answer(local)?.sdp ?? "");
  return 200;
}

// The shapes of the files, as their SOURCE.md gives them; each field that is used is compared with something.
interface Exchange {
  local_offer?: string;
  remote_offer?: string;
  remote_answer?: string;
  expected_local_answer?: string;
}
const negotiations = dataJson("pjproject", "sdp-offer-answer-cases.json") as {
  cases: { title: string; exchanges: Exchange[] }[];
};
const calls = dataJson("pjproject", "sendto-cases.json") as { file: string; sdp: string; resp_code: number }[];

describe("each offer in pjproject's negotiations gets an answer in order, or the right refusal", () => {
  const refusals: Record<string, [status: number, why: string]> = {
    "RFC 3264 example 10.2 (Alice's view)#1": [488, "G.723 alone: not ours"],
    "AMR/AMR-WB offer, answerer picks AMR/8000 + telephone-event#0": [488, "AMR and G.722: not ours"],
  };
  const offers = negotiations.cases.flatMap(({ title, exchanges }) =>
    exchanges.map((one, at) => [`${title}#${at}`, one.remote_offer ?? one.local_offer ?? ""] as const),
  );
  test.each(offers)("%s", (name, offer) => {
    expect(statusFor(offer)).toBe(refusals[name]?.[0] ?? 200);
  });
});

describe("a session of several m-lines, whose lines pjproject's tests change", () => {
  test("goes on when an answer leaves m-lines out (ticket 527, first scenario)", () => {
    const us = party();
    const video = "m=video 4000 RTP/AVP 31\r\n";
    const audio = "v=0\r\nc=IN IP4 198.51.100.9\r\nm=audio 49170 RTP/AVP 0\r\n";
    expect(statusFor(audio + video, us)).toBe(200);
    us.offer(local);
    expect(us.receiveAnswer(audio)).toMatchObject({ ok: true });
  });
});

describe("pjsua's verdict on a call's description is ours", () => {
  const differs: Record<string, [status: number, why: string]> = {
    "152_err_sdp_no_media.py": [488, "no media is legal SDP (RFC 3264 §5); there is only nothing in it for us"],
    "160_err_duplicate_replaces.py": [200, "its fault is in the headers"],
    "300_srtp_crypto_case_insensitive.py": [488, "SRTP is not spoken yet"],
    "300_srtp_invalid_crypto_tag_non_numeric.py": [
      200,
      "RTP/AVP with keys is plain RTP for us, keys unread (RFC 8643)",
    ],
    "321_srtp2_recv_avp.py": [200, "the same; pjsua was told to insist on SRTP"],
    "323_srtp2_unsupported_crypto.py": [488, "SRTP is not spoken yet; pjsua says 406"],
    "400_fmtp_g7221_with_bitrate.py": [488, "G.722.1: not ours"],
    "401_fmtp_g7221_with_bitrate_32000.py": [488, "G.722.1: not ours"],
    "410_fmtp_amrnb_offer_octet_align.py": [488, "AMR: not ours"],
    "411_fmtp_amrnb_offer_band_eff.py": [488, "AMR: not ours"],
    "412_fmtp_amrnb_offer_band_eff2.py": [488, "AMR: not ours"],
    "414_fmtp_amrwb_offer_band_eff.py": [488, "AMR: not ours"],
    "415_fmtp_amrwb_offer_band_eff2.py": [488, "AMR: not ours"],
  };
  test.each(calls.filter(({ sdp }) => sdp !== "").map((one) => [one.file, one.sdp, one.resp_code] as const))(
    "%s",
    (file, sdp, verdict) => {
      const expected = differs[file]?.[0] ?? verdict;
      if (file in differs && file !== "152_err_sdp_no_media.py") expect(expected).not.toBe(verdict);
      expect(statusFor(sdp)).toBe(expected);
    },
  );
});

describe("real devices' and RFC 5118's offers", () => {
  const folders = [["vendor-excerpts"], ["rfc5118", "crlf_fixed"]] as const;
  const offers = folders.flatMap((folder) => {
    const path = dataPath(...folder);
    return readdirSync(path)
      .filter((file) => file.endsWith(".sip"))
      .map((file) => [file, readFileSync(join(path, file), "latin1")] as const)
      .filter(([, text]) => /^c(?:ontent-type)?[ \t]*:[ \t]*application\/sdp/im.test(text))
      .map(([file, text]) => [file, text.slice(text.indexOf("\r\n\r\n") + 4)] as const);
  });
  const refusals: Record<string, [status: number, why: string]> = {
    "cisco-cucm9.1-invite-via-kamailio.sip": [488, "SRTP alone: not spoken yet"],
    "twilio-invite-tls-srtp.sip": [488, "SRTP alone: not spoken yet"],
    "freeswitch-1.6-200-opus.sip": [488, "Opus alone: not ours"],
    "ipv6-in-sdp.sip": [488, "G.726 alone: not ours; the address is read"],
    "ipv4-mapped-ipv6.sip": [488, "G.726 alone: not ours; the address is read"],
  };
  test.each(offers)("%s", (file, offer) => {
    expect(statusFor(offer)).toBe(refusals[file]?.[0] ?? 200);
  });
});
