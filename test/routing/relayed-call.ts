/** Calls past a relay that moves nothing: what the proxies would say of them, in few words. */
import { createLog } from "../../src/log.ts";
import { CallRelay, type CallRelayOptions, type RelayReport } from "../../src/routing/media-relay.ts";
import { Request, Response } from "../../src/sip/message.ts";
import { FakeFlow, parsed } from "../support/fake-flow.ts";
import { FakeRelay } from "../support/fake-relay.ts";

export class Phone extends FakeFlow {
  override readonly remote: { host: string; port: number };
  override readonly local: { host: string; port: number };
  constructor(host: string, ours = "203.0.113.7") {
    super("udp", host);
    this.remote = { host, port: 5060 };
    this.local = { host: ours, port: 5060 };
  }
}

export const alice = new Phone("198.51.100.1");
export const bob = new Phone("198.51.100.2");
export const carol = new Phone("2001:db8::3", "2001:db8::7");

export const sdp = (host: string, port: number, ...attributes: string[]) =>
  [
    "v=0",
    `o=- 1 1 IN IP4 ${host}`,
    "s=-",
    `c=IN ${host.includes(":") ? "IP6" : "IP4"} ${host}`,
    "t=0 0",
    `m=audio ${port} RTP/AVP 0`,
    ...attributes,
    "",
  ].join("\r\n");

export interface Parts {
  method?: string;
  from?: string;
  to?: string;
  callId?: string;
  body?: string;
  headers?: string[];
  vias?: string[];
}

/** `from` and `to` are tags. */
export function request({
  method = "INVITE",
  from = "a",
  to,
  callId = "call",
  body = "",
  headers = [],
  vias = ["c1"],
}: Parts = {}) {
  const made = parsed(
    [
      `${method} sip:bob@example.com SIP/2.0`,
      ...vias.map((branch) => `Via: SIP/2.0/UDP client.example;branch=z9hG4bK${branch}`),
      `From: <sip:alice@example.org>;tag=${from}`,
      `To: <sip:bob@example.com>${to === undefined ? "" : `;tag=${to}`}`,
      `Call-ID: ${callId}`,
      `CSeq: 1 ${method}`,
      ...(body === "" || headers.some((line) => /^content-type/i.test(line)) ? [] : ["Content-Type: application/sdp"]),
      ...headers,
      `Content-Length: ${body.length}`,
      "",
      body,
    ].join("\r\n"),
  );
  if (!(made instanceof Request)) throw new TypeError("not a request");
  return made;
}

export function response(
  status: number,
  { method = "INVITE", from = "a", to = "b", callId = "call", body = "", headers = [] }: Parts = {},
) {
  const made = parsed(
    [
      `SIP/2.0 ${status} Whatever`,
      "Via: SIP/2.0/UDP us.example;branch=z9hG4bKs1",
      `From: <sip:alice@example.org>;tag=${from}`,
      `To: <sip:bob@example.com>;tag=${to}`,
      `Call-ID: ${callId}`,
      `CSeq: 1 ${method}`,
      ...(body === "" ? [] : ["Content-Type: application/sdp"]),
      ...headers,
      `Content-Length: ${body.length}`,
      "",
      body,
    ].join("\r\n"),
  );
  if (!(made instanceof Response)) throw new TypeError("not a response");
  return made;
}

export function setup(options: Partial<CallRelayOptions> = {}) {
  const backend = new FakeRelay();
  const lines: string[] = [];
  const reports: RelayReport[] = [];
  const relay = new CallRelay({
    backend,
    address: (flow) => flow.local.host,
    isOwn: (host) => host === "203.0.113.7",
    log: createLog({ level: "debug", format: "pretty", write: (line) => void lines.push(line) }),
    ended: (report) => void reports.push(report),
    ...options,
  });
  /** The media address in what is sent on: "203.0.113.7:30002"; "untouched", or the status of a refusal. */
  const address = (result: { body?: Uint8Array | undefined } | { status: number }): string => {
    if ("status" in result) return String(result.status);
    if (result.body === undefined) return "untouched";
    const text = Buffer.from(result.body).toString("latin1");
    return `${/^c=IN IP[46] (\S+)/m.exec(text)?.[1]}:${/^m=\S+ (\d+)/m.exec(text)?.[1]}`;
  };
  const asks = (parts: Parts, branch: string, from = alice, to = bob) =>
    address(relay.request(request(parts), from, to, branch));
  const answers = (status: number, parts: Parts, branch: string, from = bob, to = alice) =>
    address(relay.response(response(status, parts), from, to, branch));
  /** A call that is up: its INVITE on branch s1, tags a and b. */
  const call = (callId = "call") => {
    asks({ callId, body: sdp("198.51.100.1", 4000) }, "s1");
    answers(200, { callId, body: sdp("198.51.100.2", 5000) }, "s1");
    return backend.session(backend.sessions.length - 1);
  };
  return { backend, relay, asks, answers, call, lines, reports };
}
