/**
 * Hostile input: mutated messages through parser, checks, response builder and framer. Nothing may throw what is not
 * announced, take more than 5 ms, or change when it is built and parsed again.
 */
import { describe, expect, test } from "bun:test";
import { StreamFramer } from "../../src/sip/framer.ts";
import {
  buildRequest,
  buildResponse,
  checkRequest,
  checkResponse,
  InvalidHeaderValue,
  MalformedHeader,
  type Message,
  parseMessage,
  Request,
  Response,
} from "../../src/sip/message.ts";
import { formatNameAddr, parseNameAddr } from "../../src/sip/name-addr.ts";
import { formatUri, parseUri, uriEquals } from "../../src/sip/uri.ts";
import { formatVia, parseVia } from "../../src/sip/via.ts";
import { below, pick, seeded } from "../support/random.ts";

const wanted = Number(process.env.SIPROC_FUZZ_CASES ?? 100_000);
const seed = Number(process.env.SIPROC_FUZZ_SEED ?? 4475);
const milliseconds = 20_000;
const slow = 5;

const invite = [
  "INVITE sip:bob;x=1@[2001:db8::1]:5070;transport=udp;lr SIP/2.0",
  "Via: SIP/2.0/UDP a.example:5060;branch=z9hG4bKx;rport, SIP / 2.0 / TCP b ;received=[::1]",
  "v: SIP/2.0/TLS 10.0.0.1",
  "Max-Forwards: 70",
  'From: "A \\"lice\\" \xc3\xa9" <sips:alice%40x@example.com;user=phone?a=b&c=d>;tag=1',
  "t: Bob<tel:+1-2;phone-context=x>",
  "Call-ID: 1@a",
  "CSeq: 1",
  "\tINVITE",
  'Contact: <sip:a@b>;q=0.1;x="a,b", "c" <sip:c@d>;expires=60',
  'm: sip:e@f;+sip.instance="<urn:uuid:1>"',
  "Route: <sip:p1;lr>,<sip:p2;lr>",
  "Content-Type: application/sdp;charset=utf-8",
  "Content-Length: 10",
  "",
  "v=0\r\no=x\r\n",
].join("\r\n");
const response = [
  "SIP/2.0 180 Ringing",
  "Via: SIP/2.0/UDP a;branch=z9hG4bKx;received=10.0.0.1",
  "From: <sip:a@b>;tag=1",
  "To: sip:c@d;tag=2",
  "Call-ID: 1@a",
  "CSeq: 4294967295 INVITE",
  "Contact: *",
  "l: 0",
  "",
  "",
].join("\r\n");
const seeds = [invite, response, invite.replaceAll("\r\n", "\n"), `\r\n\r\n${response}`];

const spice = [
  ...'\r\n \t:;,<>"\\@%?=&[]()/*0\0\x7f\xff-+.',
  "\r\n ",
  "\r\n\r\n",
  "\n\n",
  "SIP/2.0",
  "sip:",
  "%00",
  '"<',
  "::",
];
spice.push(
  "\r\nVia: ",
  "\r\nl: 5",
  "\r\nContent-Length: 99999999999",
  "\r\nFrom: ",
  ";tag=",
  "z9hG4bK",
  "4294967296",
  "-1",
);

function mutate(random: () => number): string {
  let text = pick(random, seeds);
  const times = 1 + below(random, 6);
  for (let time = 0; time < times; time++) {
    const at = below(random, text.length + 1);
    const end = Math.min(text.length, at + below(random, 20));
    const [before, inside, after] = [text.slice(0, at), text.slice(at, end), text.slice(end)];
    switch (below(random, 8)) {
      case 0:
        text = before + pick(random, spice) + text.slice(at);
        break;
      case 1:
        text = before + after;
        break;
      case 2:
        text = before + inside + inside + after;
        break;
      case 3:
        text = before + String.fromCharCode(below(random, 256)) + text.slice(at + 1);
        break;
      case 4:
        text = before + pick(random, spice) + after;
        break;
      case 5: {
        const lines = text.split("\r\n");
        lines.splice(below(random, lines.length), 1, pick(random, lines));
        text = lines.join("\r\n");
        break;
      }
      case 6:
        if (below(random, 40) === 0) text = before + pick(random, spice).repeat(below(random, 20_000)) + after;
        break;
      case 7:
        if (below(random, 10) === 0) text = before;
    }
  }
  return text.slice(0, 65_507);
}

/** Reads all that can be read. Getters may throw MalformedHeader, and none at all after the checks have passed. */
function read(message: Message, checked: boolean): void {
  for (const getter of ["via", "from", "to", "callId", "cseq", "contact", "contentType"] as const) {
    try {
      void message[getter];
    } catch (error) {
      if (!(error instanceof MalformedHeader)) throw error;
      if (checked && (getter !== "contact" || message instanceof Request))
        throw new Error(`${getter} after the checks`);
    }
  }
  for (const [name, value] of message.fields())
    if (/[\r\n]/.test(name + value)) throw new Error("a line end in a value");
  for (const name of ["via", "contact", "route"]) message.values(name);
}

function answer(request: Request): void {
  // With so many Via lines the answer itself would have too many lines.
  if (request.lines.count > 500) return;
  const built = buildResponse(request, 200, {
    toTag: "t",
    source: { host: "10.9.8.7", port: 99 },
    copyRecordRoute: true,
  });
  const parsed = parseMessage(built.bytes(), "datagram");
  if (!(parsed instanceof Response)) throw new Error(`an answer that is no response: ${JSON.stringify(parsed)}`);
  if (built.lines.count !== parsed.lines.count) throw new Error("an answer with other lines than were built");
}

/** What was accepted, built again from its parts, parses to the same. */
function rebuild(request: Request): void {
  const headers = [...request.fields()].filter(([name]) => !/^(content-length|l)$/i.test(name));
  let built: Request;
  try {
    built = buildRequest({ method: request.method, uri: request.uri, headers, body: request.body });
  } catch (error) {
    if (error instanceof InvalidHeaderValue && headers.some(([, value]) => value.includes("\0"))) return;
    throw error;
  }
  const again = parseMessage(built.bytes(), "stream");
  if (!(again instanceof Request)) throw new Error(`built, but not parsed: ${JSON.stringify(again)}`);
  expect(checkRequest(again)).toBeUndefined();
  expect([...again.fields()].filter(([name]) => name !== "Content-Length")).toEqual(headers);
  expect(Buffer.from(again.body).equals(Buffer.from(request.body))).toBe(true);
  const via = formatVia(again.via);
  expect(formatVia(parseVia(via) ?? again.via)).toBe(via);
  const from = formatNameAddr(again.from);
  expect(parseNameAddr(from)).toMatchObject({ display: again.from.display, uriText: again.from.uriText });
  const uri = again.target === undefined ? undefined : parseUri(formatUri(again.target));
  expect(uri !== undefined && again.target !== undefined && uriEquals(uri, again.target)).toBe(true);
}

function run(octets: Buffer, random: () => number, thorough: boolean): void {
  for (const framing of ["datagram", "stream"] as const) {
    const message = parseMessage(octets, framing);
    if (message.type === "failure") {
      if (message.request !== undefined) {
        read(message.request, false);
        answer(message.request);
      }
    } else if (message instanceof Request) {
      const accepted = checkRequest(message) === undefined;
      read(message, accepted);
      answer(message);
      if (accepted && thorough) rebuild(message);
    } else {
      read(message, checkResponse(message));
    }
  }
  const framer = new StreamFramer({ maxHead: 16_384, maxBody: 65_536 });
  const size = 1 + below(random, octets.length);
  for (let at = 0; at < octets.length; at += size) framer.push(octets.subarray(at, at + size));
  if (framer.pending > 16_384 + 65_536 + 4) throw new Error("a framer that keeps too much");
}

/** Milliseconds that one parse, with all its checks and an answer, takes. */
function cost(octets: Buffer): number {
  const start = Bun.nanoseconds();
  const message = parseMessage(octets, "datagram");
  if (message instanceof Request) checkRequest(message);
  const request = message.type === "failure" ? message.request : message;
  if (request instanceof Request)
    buildResponse(request, 400, { toTag: "t", source: { host: "10.9.8.7", port: 99 } }).bytes();
  return (Bun.nanoseconds() - start) / 1e6;
}

const isSlow = (octets: Buffer) => cost(octets) > slow && Math.min(cost(octets), cost(octets), cost(octets)) > slow;

test(`${wanted} mutated messages, or as many as ${milliseconds / 1000} s allow, do no harm (seed ${seed})`, () => {
  const random = seeded(seed);
  const end = Bun.nanoseconds() + milliseconds * 1e6;
  let cases = 0;
  for (; cases < wanted && Bun.nanoseconds() < end; cases++) {
    const text = mutate(random);
    const octets = Buffer.from(text, "latin1");
    try {
      run(octets, random, cases % 4 === 0);
      if (isSlow(octets)) throw new Error(`slower than ${slow} ms`);
    } catch (error) {
      throw new Error(`case ${cases}: ${String(error)}: ${JSON.stringify(text.slice(0, 3000))}`, { cause: error });
    }
  }
  expect(cases).toBeGreaterThan(Math.min(wanted, 1000) - 1);
}, 90_000);

describe("64 KB of one thing need linear time", () => {
  const head = (lines: string) =>
    `INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n${lines}\r\n\r\n`;
  const size = 64_000;
  const fill = (piece: string) => piece.repeat(Math.floor(size / piece.length));
  const cases: Record<string, string> = {
    "commas in Contact": head(`Contact: ${fill(",")}`),
    contacts: head(`Contact: ${fill("<a:b>,")}`),
    "quotes in Contact": head(`Contact: ${fill('"')}`),
    "unclosed quotes in Contact": head(`Contact: ${fill('",<')}`),
    "brackets in Contact": head(`Contact: ${fill("<")}`),
    "backslashes in quotes": head(`Contact: "${fill("\\")}`),
    "escaped quotes": head(`Contact: "${fill('\\"')}" <sip:a@b>`),
    "a long display name": head("").replace("From: ", `From: ${fill("a ")}`),
    "a display name of spaces": head("").replace("From: ", `From: a${fill(" ")}b`),
    parameters: head("").replace(";tag=1", fill(";a")),
    "equals signs": head("").replace(";tag=1", `;a${fill("=")}`),
    "Via elements": head("").replace("UDP a", `UDP a${fill(",SIP/2.0/UDP b")}`),
    "Via commas": head("").replace("UDP a", `UDP a${fill(",")}`),
    "Via spaces": head("").replace("UDP a", `UDP a${fill(" ")};b`),
    "Via protocol spaces": head("").replace("SIP/2.0/UDP a", `SIP${fill(" ")}`),
    "header lines": head(fill("a:b\r\n")),
    "long header names": head(`${fill("a")}: b`),
    "lines without a colon": head(fill("abc\r\n")),
    "lines with LF": head(fill("a:b\n")),
    "lines with CR": head(fill("a:b\r")),
    "LFs for CRLFs": head(fill("a:b\n")).replaceAll("\r", ""),
    "folded lines": head(`Contact:${fill("\r\n ")}<sip:a@b>`),
    "folded lines with text": head(`Contact: <sip:a@b>${fill("\r\n ;a")}`),
    "folded From": head("").replace("From: ", `From: ${fill("\r\n\t")}`),
    "Content-Lengths": head(fill("l:1\r\n")),
    "a long Content-Length": head(`l: ${fill("9")}`),
    "a long CSeq": head("").replace("CSeq: 1", `CSeq: ${fill("1")}`),
    "a long Request-URI": head("").replace("sip:a@b", `sip:${fill("a")}@b`),
    "signs in the Request-URI": head("").replace("sip:a@b", `sip:${fill("@")}`),
    "spaces in the request line": head("").replace(" SIP", `${fill(" ")}SIP`),
    "a request line of spaces": `${fill(" ")}\r\n\r\n`,
    "a request line of letters": fill("a"),
    "line ends": fill("\r\n"),
    NULs: fill("\0"),
    "IPv6 colons": head("").replace("sip:a@b", `sip:[${fill(":")}]`),
    "URI parameters": head("").replace("sip:a@b", `sip:a@b${fill(";a")}`),
    percents: head("").replace("sip:a@b", `sip:${fill("%41")}@b`),
  };
  for (const [name, text] of Object.entries(cases)) {
    test(name, () => {
      const octets = Buffer.from(text.slice(0, 65_507), "latin1");
      run(octets, seeded(1), false);
      expect(isSlow(octets)).toBe(false);
    });
  }
});
