/**
 * Calls that nobody makes: a server that has just started runs code that was never run, four times as slowly as the same
 * code a thousand calls later, and would lose datagrams to the first burst. So it plays some calls through proxies of
 * its own, on flows that lead nowhere, while it has nothing else to do.
 */
import type { Log } from "../log.ts";
import type { Flow } from "../sip/flow.ts";
import { checkRequest, checkResponse, parseMessage } from "../sip/message.ts";
import { secureRandom } from "../sip/random.ts";
import { type ServerTransaction, TransactionLayer, type TransactionUser } from "../sip/transaction/index.ts";
import { SystemClock } from "../transport/system-clock.ts";
import { Arrival } from "./chain.ts";
import { StatefulProxy } from "./proxy-stateful/index.ts";
import { StatelessProxy } from "./proxy-stateless/index.ts";
import { RecordRoute } from "./record-route.ts";
import type { Ways } from "./ways.ts";

/** Addresses that are for documentation (RFC 5737). */
const we = { host: "192.0.2.1", port: 5060 };
const caller = { host: "198.51.100.1", port: 5060 };
const callee = { host: "203.0.113.1", port: 5060 };

const sdp =
  "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 8\r\n";

/** Plays one call with each step, in about half a millisecond, until `calls` are through; gives how many messages left. */
export function* rehearsal(calls: number): Generator<void, number, void> {
  const stage = new Stage();
  for (let call = 0; call < calls; call++) {
    stage.play(call, call % 2 === 0 ? stage.stateful : stage.stateless);
    yield;
  }
  stage.clear();
  return stage.sent;
}

/** What a proxy does with messages that come. */
type Part = Pick<TransactionUser, "request" | "ack" | "strayResponse">;

class Stage {
  readonly stateful: Part;
  readonly stateless: Part;
  /** Messages that left. */
  sent = 0;
  #now = 0;
  #alarm: { at: number; fire: () => void } | undefined;
  #sent: Uint8Array[] = [];
  #part: Part | undefined;
  readonly #layer: TransactionLayer;

  constructor() {
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const clock = new SystemClock({
      now: () => this.#now,
      schedule: (ms, fire) => {
        const alarm = { at: this.#now + ms, fire };
        this.#alarm = alarm;
        return () => {
          if (this.#alarm === alarm) this.#alarm = undefined;
        };
      },
    });
    const transactions = new TransactionLayer({
      clock,
      random: secureRandom,
      user: {
        request: (tx, request) => this.#part?.request(tx, request),
        ack: (request, flow) => this.#part?.ack(request, flow),
        cancel() {},
        strayResponse: (response, flow) => this.#part?.strayResponse(response, flow),
      },
    });
    this.#layer = transactions;
    const isOwn = (host: string) => host === we.host;
    const ways: Ways = {
      flowTo: ({ host }) => this.#flow(host),
      flowOf: ({ remote }) => this.#flow(remote.host),
      connectionFrom: () => undefined,
      viaFor: () => ({ transport: "UDP", ...we }),
      isOwn,
    };
    const resolver = {
      resolve: (
        _uri: unknown,
        done: (found: { ok: true; hops: { transport: "udp"; host: string; port: number }[] }) => void,
      ) => done({ ok: true, hops: [{ transport: "udp", ...callee }] }),
      failed() {},
      worked() {},
    };
    const parts = { transactions, ways, resolver, secret, clock, random: secureRandom, log: silent };
    const recordRoute = new RecordRoute({ secret, ways, isOwn });
    const stateful = new StatefulProxy({ ...parts, recordRoute, record() {} });
    const stateless = new StatelessProxy({ ...parts, recordRoute });
    const target = { uri: `sip:rehearsal@${callee.host}` };
    this.stateful = partOf(stateful, (arrival) => stateful.forward(arrival, [target]));
    this.stateless = {
      ...partOf(stateless, (arrival) => stateless.forward(arrival, target)),
      strayResponse: (response, flow) => void stateless.response(response, flow),
    };
  }

  /** INVITE, 180, 200, ACK, BYE, 200. */
  play(call: number, part: Part): void {
    this.#part = part;
    const id = `${call}-${secureRandom.token(4)}`;
    const request = (method: string, uri: string, sequence: number, further: string, body = "") =>
      `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${caller.host}:5060;rport;branch=z9hG4bK${id}${method}\r\n` +
      `Max-Forwards: 70\r\n${further}From: "A" <sip:a@example.com>;tag=a${id}\r\nCall-ID: ${id}@example.com\r\n` +
      `CSeq: ${sequence} ${method}\r\nContact: <sip:a@${caller.host}:5060>\r\nUser-Agent: rehearsal\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`;
    const to = "To: <sip:b@example.com>";
    const invite = this.#receive(
      request("INVITE", "sip:b@example.com", 1, `${to}\r\nContent-Type: application/sdp\r\n`, sdp),
      caller,
    );
    for (const status of ["180 Ringing", "200 OK"]) this.#receive(answer(invite, status, `b${id}`), callee);
    const route = /^Record-Route: (.*)$/m.exec(invite)?.[1] ?? "";
    const inDialog = `Route: ${route}\r\n${to};tag=b${id}\r\n`;
    this.#receive(request("ACK", `sip:b@${callee.host}`, 1, inDialog), caller);
    const bye = this.#receive(request("BYE", `sip:b@${callee.host}`, 2, inDialog), caller);
    this.#receive(answer(bye, "200 OK", `b${id}`), callee);
    this.#advance(10);
  }

  /** Lets all timers run out. */
  clear(): void {
    while (this.#layer.size > 0 && this.#alarm !== undefined) this.#advance(10_000);
  }

  #advance(ms: number): void {
    this.#now += ms;
    if (this.#alarm !== undefined && this.#alarm.at <= this.#now) this.#alarm.fire();
  }

  /** What goes out last because of these octets. */
  #receive(octets: string, from: { host: string; port: number }): string {
    const message = parseMessage(Buffer.from(octets, "latin1"), "datagram");
    this.#sent = [];
    if (message.type === "request" && checkRequest(message) === undefined)
      this.#layer.receive(message, this.#flow(from.host));
    if (message.type === "response" && checkResponse(message)) this.#layer.receive(message, this.#flow(from.host));
    return Buffer.from(this.#sent.at(-1) ?? []).toString("latin1");
  }

  #flow(host: string): Flow {
    const remote = host === caller.host ? caller : callee;
    const send = (bytes: Uint8Array) => {
      this.sent++;
      this.#sent.push(bytes);
    };
    return { transport: "udp", reliable: false, local: we, remote, id: host, send };
  }
}

function partOf(proxy: { inDialog(arrival: Arrival): void }, forward: (arrival: Arrival) => void): Part {
  return {
    request: (tx, request) =>
      request.to.tag === undefined ? forward(new Arrival(tx)) : proxy.inDialog(new Arrival(tx)),
    ack: (request, flow) => proxy.inDialog(new Arrival(unanswered(request, flow))),
    strayResponse() {},
  };
}

function unanswered(request: ServerTransaction["request"], flow: Flow): ServerTransaction {
  return {
    request,
    flow,
    state: "terminated",
    finalSent: true,
    respond: () => false,
    respondStateless() {},
    forget() {},
    onTimeout: undefined,
    onTransportError: undefined,
    onAck: undefined,
  };
}

function answer(request: string, status: string, tag: string): string {
  const copied = request.split("\r\n").filter((line) => /^(?:Via|Record-Route|From|Call-ID|CSeq):/.test(line));
  return [
    `SIP/2.0 ${status}`,
    ...copied,
    `To: <sip:b@example.com>;tag=${tag}`,
    `Contact: <sip:b@${callee.host}>`,
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };
