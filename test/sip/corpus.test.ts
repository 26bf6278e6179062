/**
 * Messages of other projects' tests, of RFCs and of real devices: each is accepted or refused as its source says, and
 * accepted where two trusted systems accept it. Every difference stands in `differences`, with its reason.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { dataBytes, dataJson, dataPath } from "../support/data.ts";
import { isRow, parsedRequest, rows, text, verdict } from "../support/verdict.ts";

/** What we say instead, and why. */
const differences: Readonly<Record<string, readonly [verdict: string, why: string]>> = {
  "rfc4475/messages/escruri.dat": ["400", "the RFC prefers it: headers in a Request-URI choose our Route"],
  "rfc4475/messages/regbadct.dat": ["400", "the RFC prefers it: whose the ?Route= is can only be guessed"],
  "pjproject/literals/sip/msg_test_c-L2143.sip": [
    "400",
    "Max-Forwards is no number; the anchors differ, one sends 483",
  ],
  "sofia-sip/sip/test3.txt": ["400", "no empty line: the datagram may have been cut (RFC 3261 §7)"],
  "sofia-sip/sip/test9.txt": ["400", "no empty line: the datagram may have been cut (RFC 3261 §7)"],
  "sofia-sip/sip/test10.txt": ["accept", "what is wrong comes after Content-Length 0, and is ignored (§18.3)"],
  "sofia-sip/sip/test13.txt": [
    "accept",
    "only Expires and the body are malformed; neither is needed to read the message",
  ],
  "sofia-sip/sip/test18.txt": ["accept", "the body is larger than Content-Length: the rest is ignored (§18.3)"],
  "sofia-sip/sip/test41.txt": ["505", "version 7.0 (RFC 4475 §3.1.2.16)"],
  "sofia-sip/sip/test42.txt": ["505", "version 7.0 (RFC 4475 §3.1.2.16)"],
  "osip/res/sip0": ["400", "two Call-IDs (RFC 4475 §3.3.8)"],
  "osip/res/sip37": ["drop", "a response without a Via belongs to nobody"],
  "osip/res/sip66": ["400", "Content-Length is one more than the octets of the body"],
  "osip/res/sip70": ["400", "headers in the Request-URI (RFC 4475 §3.1.2.11)"],
  "osip/res/sip73": ["400", "one LF among CRLFs: another element may see the lines otherwise"],
  "osip/res/sip75": ["400", "one LF among CRLFs: another element may see the lines otherwise"],
  "osip/res/sip77": ["505", "version 7.0 (RFC 4475 §3.1.2.16)"],
  "osip/res/sip78": ["400", "a Contact with ?Route= without brackets (RFC 4475 §3.1.2.13)"],
  "osip/res/sip90": ["400", "the CSeq has another method (RFC 4475 §3.1.2.17)"],
  "osip/res/sip94": ["drop", "a response with lines that are no headers"],
  "osip/res/sip95": ["drop", "a response with lines that are no headers"],
  "osip/res/sip-malformed1": ["400", "readable, but without From, To and Call-ID"],
  "osip/res/sip-malformed5": ["400", "Content-Length is no number"],
  "osip/res/sip-malformed20": ["accept", "only its SDP is malformed"],
  "vendor-excerpts/cisco-cucm12.5-bye-rtpstat.sip": ["400", "the bracket of To is not closed in the excerpt"],
  "rfc-flows/rfc3261/24.1-F1-REGISTER.sip": ["400", "the excerpt has sentences of the RFC among the headers"],
  "rfc-flows/rfc3665/3.10-F4-INVITE.sip": ["400", "the excerpt has a Record-Route cut in two without a fold"],
};

const files = (folder: string, pattern: RegExp): readonly string[] =>
  readdirSync(dataPath(folder))
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => `${folder}/${name}`);

const octetsOf = (file: string) => dataBytes(...file.split("/"));
const present = (file: string) => existsSync(`${dataPath()}/${file}`);

/** `wanted` is what the source says: "accept", or "refuse" for anything else. */
function judge(file: string, wanted: "accept" | "refuse", octets = octetsOf(file)): void {
  const difference = differences[file];
  const got = verdict(octets);
  if (difference !== undefined) expect(`${file} ${got}`).toBe(`${file} ${difference[0]}`);
  else if (wanted === "accept") expect(`${file} ${got}`).toBe(`${file} accept`);
  else expect(`${file} ${got}`).not.toBe(`${file} accept`);
}

describe("sofia-sip's own verdicts", () => {
  const json = dataJson("sofia-sip", "verdicts.json");
  for (const [name, word] of Object.entries(isRow(json) ? json : {})) {
    const file = `sofia-sip/${name}`;
    if (present(file))
      test(`${name}: ${word}`, () => judge(file, /^(good|ugly)/.test(String(word)) ? "accept" : "refuse"));
  }
});

describe("osip's messages", () => {
  for (const file of files("osip/res", /^sip-?[a-z]*\d+$/)) {
    test(file, () => {
      // Some begin with a line about what their test expects: 0, or a negative error.
      const octets = octetsOf(file);
      const note = /^expected_error:(-?\d+)[^\n]*\n/.exec(Buffer.from(octets).toString("latin1"));
      const malformed = note === null ? file.includes("malformed") : note[1] !== "0";
      judge(file, malformed ? "refuse" : "accept", octets.subarray(note?.[0].length ?? 0));
    });
  }
});

describe("real devices", () => {
  for (const file of files("vendor-excerpts", /\.sip$/)) test(file, () => judge(file, "accept"));
});

describe("the call flows of RFC 3261, RFC 3665 and RFC 5359", () => {
  const flows = rows(dataJson("rfc-flows", "manifest.json"));
  test("are accepted where their bodies are complete", () => {
    for (const row of flows) {
      const file = `rfc-flows/${text(row, "file")}`;
      if (!present(file)) continue;
      if (row.content_length_matches === true && row.has_elisions !== true) judge(file, "accept");
      else expect(["accept", "400", "drop"]).toContain(verdict(octetsOf(file)));
    }
  });
});

describe("two anchors: Kamailio and baresip", () => {
  const oracle = dataJson("oracle", "anchor-replies.json");
  const silent = new Set(["none", "400"]);
  for (const [file, replies] of Object.entries(isRow(oracle) ? oracle : {})) {
    if (!isRow(replies) || replies.kind !== "request" || !present(file)) continue;
    const [first, second] = [String(replies.kamailio), String(replies.baresip)];
    if (silent.has(first) || silent.has(second)) continue;
    if (first === "505" || second === "505") test(`${file}: 505`, () => expect(verdict(octetsOf(file))).toBe("505"));
    else test(`${file}: ${first} and ${second}`, () => judge(file, "accept"));
  }
});

describe("the octets behind old advisories", () => {
  const expected: Readonly<Record<string, string>> = {
    "ES2017-01-cseq-overflow.sip": "400",
    // Multipart, SDP and accounts are not read at this layer.
    "ES2017-02-multipart-crash.sip": "accept",
    "ES2018-03-sdp-fmt-overflow.sip": "accept",
    "ES2018-05-from-tag-offbyone.sip": "accept",
    "ES2020-01-header-smuggle-space.sip": "accept",
    "ES2020-04-sdp-connection-512.sip": "accept",
  };
  for (const [name, word] of Object.entries(expected)) {
    test(`${name}: ${word}`, () => expect(verdict(dataBytes("advisories", "messages", name))).toBe(word));
  }

  test("no octet before the colon hides a header from its name", () => {
    const message = Buffer.from(dataBytes("advisories", "messages", "ES2020-01-header-smuggle-space.sip")).toString(
      "latin1",
    );
    expect(message).toContain("X-Bypass-me :");
    for (let octet = 0; octet < 256; octet++) {
      const octets = Buffer.from(
        message.replace("X-Bypass-me :", `X-Bypass-me${String.fromCharCode(octet)}:`),
        "latin1",
      );
      if (verdict(octets) !== "accept") continue;
      const request = parsedRequest(octets);
      // What is accepted is that header, or one whose name is plainly another.
      const hidden = request.header("x-bypass-me") === undefined;
      if (hidden) expect(String.fromCharCode(octet)).toMatch(/[-A-Za-z0-9.!%*_+`'~:]/);
    }
  });
});

test("nothing in the data folders makes an exception, whatever it is", () => {
  let count = 0;
  for (const folder of [
    "sofia-sip/sip",
    "sofia-sip/literals/sip",
    "osip/res",
    "kamailio/sip",
    "resiprocate/sip",
    "pjproject/literals/sip",
    "advisories/messages",
    "rfc5118/crlf",
    "rfc5118/raw_lf",
  ]) {
    if (!present(folder)) continue;
    for (const file of files(folder, /./)) {
      verdict(octetsOf(file));
      count++;
    }
  }
  expect(count).toBeGreaterThan(50);
});
