/**
 * What pjproject's own tests expect of a user agent server: session descriptions, session timers, odd URIs. Its cases
 * come with line feeds, without the last empty line and with lengths of their own; that is repaired here.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dataJson } from "../support/data.ts";
import { overUdp, renewed } from "../support/exchange.ts";
import { openServer, stopAll, type TestServer } from "../support/server.ts";
import { UdpPeer, unique } from "../support/udp-peer.ts";
import { type Row, rows, text } from "../support/verdict.ts";

/** What we answer instead, and why. The regular expressions of the case are not asked for then. */
const differences: Readonly<Record<string, readonly [status: number, why: string]>> = {
  "001_torture_4475_3_1_1_2.py": [501, "an unknown method: RFC 3261 §8.2.1, RFC 4475 §3.1.1.2"],
  "001_torture_4475_3_1_1_5.py": [501, "an unknown method: RFC 4475 §3.1.1.5"],
  "001_torture_4475_3_1_1_4.py": [405, "no registrar is configured"],
  "152_err_sdp_no_media.py": [488, "the description can be read, but has no audio"],
  "159_no_rport_nit.py": [405, "MESSAGE is taken within calls"],
  "999_message_no_body.py": [405, "MESSAGE is taken within calls"],
  "362_non_sip_uri.py": [400, "a Contact with ? outside of brackets (RFC 4475 §3.1.2.13)"],
  "500_pres_subscribe_with_bad_event.py": [405, "SUBSCRIBE is no method of ours"],
  "200_ice_success_1.py": [200, "answered without ICE, which RFC 8445 provides for"],
  "200_ice_success_2.py": [200, "answered without ICE"],
  "200_ice_success_4.py": [200, "answered without ICE"],
  "201_ice_mismatch_1.py": [200, "answered without ICE"],
  "300_srtp_crypto_case_insensitive.py": [488, "no SRTP over signalling in clear"],
  "300_srtp_invalid_crypto_tag_non_numeric.py": [200, "no SRTP in clear: in RTP/AVP its attributes are ignored"],
  "320_srtp_with_unknown_media_2.py": [200, "no SRTP over signalling in clear: answered without it"],
  "321_srtp2_recv_avp.py": [200, "no SRTP over signalling in clear, so it cannot be mandatory"],
  "323_srtp2_unsupported_crypto.py": [488, "no SRTP over signalling in clear"],
  "400_fmtp_g7221_with_bitrate.py": [488, "no G.722.1"],
  "401_fmtp_g7221_with_bitrate_32000.py": [488, "no G.722.1"],
  "410_fmtp_amrnb_offer_octet_align.py": [488, "no AMR"],
  "411_fmtp_amrnb_offer_band_eff.py": [488, "no AMR"],
  "412_fmtp_amrnb_offer_band_eff2.py": [488, "no AMR"],
  "414_fmtp_amrwb_offer_band_eff.py": [488, "no AMR-WB"],
  "415_fmtp_amrwb_offer_band_eff2.py": [488, "no AMR-WB"],
};

let server: TestServer;
let peer: UdpPeer;
beforeAll(async () => {
  server = await openServer();
  peer = await UdpPeer.open(server.port.udp);
});
afterAll(stopAll);

const lines = (value: string) => value.replace(/\r?\n/g, "\r\n");

function invite(row: Row): string {
  const body = lines((text(row, "sdp") || text(row, "body")).replace(/^\n/, ""));
  const headers = lines(text(row, "extra_headers").trim());
  return [
    "INVITE sip:someone@127.0.0.1 SIP/2.0",
    `Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK${unique("b")}`,
    "Max-Forwards: 70",
    `From: <sip:tester@example.com>;tag=${unique("t")}`,
    "To: <sip:someone@127.0.0.1>",
    `Call-ID: ${unique("call")}`,
    "CSeq: 1 INVITE",
    "Contact: <sip:tester@127.0.0.1:5060>",
    ...(headers === "" ? [] : [headers]),
    ...(/^content-type/im.test(headers) ? [] : ["Content-Type: application/sdp"]),
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
}

function complete(row: Row): string {
  const filled = text(row, "complete_msg")
    .replaceAll("$LOCAL_IP", "127.0.0.1")
    .replaceAll("$LOCAL_PORT", "5070")
    .replaceAll("$FROM_TAG", `;tag=${unique("t")}`)
    .replaceAll("$BRANCH", unique("b"));
  const [head = "", body = ""] = lines(filled).split(/\r\n\r\n|\r\n$/, 2);
  const length = `Content-Length: ${Buffer.byteLength(body, "latin1")}`;
  return `${head.replace(/^(?:content-length|l)[ \t]*:.*$/im, length)}\r\n\r\n${body}`;
}

const strings = (value: unknown) => (Array.isArray(value) ? value.filter((each) => typeof each === "string") : []);

describe("pjproject's cases for a UAS", () => {
  for (const row of rows(dataJson("pjproject", "sendto-cases.json"))) {
    const file = text(row, "file");
    const [status, why] = differences[file] ?? [Number(row.resp_code), undefined];
    test(`${file}, ${text(row, "name")}: ${status}${why === undefined ? "" : ` (${why})`}`, async () => {
      const message = text(row, "complete_msg") === "" ? invite(row) : complete(row);
      const { statuses, responses } = await overUdp(
        peer,
        server.port.udp,
        renewed(Buffer.from(message, "latin1"), unique("n")),
      );
      expect(statuses.at(-1)).toBe(status);
      if (why !== undefined) return;
      const response = Buffer.from(responses.at(-1)?.bytes() ?? []).toString("latin1");
      for (const pattern of strings(row.resp_include)) expect(response).toMatch(new RegExp(pattern));
      for (const pattern of strings(row.resp_exclude)) expect(response).not.toMatch(new RegExp(pattern));
    });
  }
});
