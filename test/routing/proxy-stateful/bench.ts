/** A stateful proxy in virtual time between a caller `a` and phones named by letters, played step by step. */
import { expect, test } from "bun:test";
import { createLog } from "../../../src/log.ts";
import type { CallRecord } from "../../../src/routing/call-record.ts";
import { Arrival } from "../../../src/routing/chain.ts";
import {
  type ForwardOptions,
  StatefulProxy,
  type StatefulProxyOptions,
} from "../../../src/routing/proxy-stateful/index.ts";
import { RecordRoute } from "../../../src/routing/record-route.ts";
import type { ProxyTarget } from "../../../src/routing/target.ts";
import type { Ways } from "../../../src/routing/ways.ts";
import { VirtualClock } from "../../../src/sip/clock.ts";
import type { Address, Flow } from "../../../src/sip/flow.ts";
import { Request, type Response } from "../../../src/sip/message.ts";
import { seededRandom } from "../../../src/sip/random.ts";
import { type ServerTransaction, TransactionLayer } from "../../../src/sip/transaction/index.ts";
import { formatUri, isSipUri, parseUri, type SipUri } from "../../../src/sip/uri.ts";
import type { Hop } from "../../../src/transport/resolve/contract.ts";
import { FakeFlow, parsed, type RequestParts, requestFrom, responseTo } from "../../support/fake-flow.ts";

export const secret = new Uint8Array(32).fill(7);

/** What is done, and what is sent because of it: `a: 180, c: CANCEL`. */
export type Step = readonly [what: number | string, outcome: string];

export class PeerFlow extends FakeFlow {
  readonly name: string;
  override readonly remote: Address;
  /** Requests that came here, the latest of each method. */
  readonly requests = new Map<string, Request>();

  constructor(name: string, remote: Address, transport: Flow["transport"] = "udp") {
    super(transport, `${transport}-${name}`);
    this.name = name;
    this.remote = remote;
  }
}

/** The host of the phone with that letter. */
export function hostOf(letter: string): string {
  return `198.51.100.${letter.charCodeAt(0) - 96}`;
}

export interface BenchOptions extends Partial<StatefulProxyOptions> {
  targets?: readonly (string | ProxyTarget)[];
  forward?: ForwardOptions;
  parts?: RequestParts;
  transport?: Flow["transport"];
}

export class ProxyBench {
  readonly clock = new VirtualClock();
  readonly records: CallRecord[] = [];
  readonly flows = new Map<string, PeerFlow>();
  readonly caller: PeerFlow;
  readonly layer: TransactionLayer;
  readonly proxy: StatefulProxy;
  readonly recordRoute: RecordRoute;
  /** Hops of host names; a name that is not here does not exist. */
  readonly names = new Map<string, readonly Hop[]>();
  readonly resolverLog: string[] = [];
  /** What was to be resolved. */
  readonly resolved: string[] = [];
  /** Set: answers of the resolver wait here until they are called. */
  resolving: (() => void)[] | undefined;
  readonly stray: Response[] = [];
  targets: readonly ProxyTarget[];
  readonly #forward: ForwardOptions;
  #nextUser = (tx: ServerTransaction): void => {
    if (tx.request.to.tag === undefined) this.proxy.forward(new Arrival(tx), this.targets, this.#forward);
    else this.proxy.inDialog(new Arrival(tx));
  };
  readonly parts: RequestParts;

  constructor(options: BenchOptions = {}) {
    const { targets = ["b"], forward = {}, parts = {}, transport = "udp", ...rest } = options;
    this.targets = targets.map((target) =>
      typeof target === "string" ? { uri: `sip:${target}@${hostOf(target)}` } : target,
    );
    this.#forward = forward;
    this.parts = parts;
    this.caller = new PeerFlow("a", { host: "192.0.2.9", port: 5060 }, transport);
    this.flows.set(`${transport}:192.0.2.9:5060`, this.caller);
    const random = seededRandom(1);
    this.layer = new TransactionLayer({
      clock: this.clock,
      random,
      user: {
        request: (tx) => this.#nextUser(tx),
        ack: (request, flow) => this.proxy.inDialog(ackArrival(request, flow)),
        cancel: (tx, cancel) => void this.proxy.cancel(tx, cancel),
        strayResponse: (response) => void this.stray.push(response),
      },
    });
    const ways: Ways = {
      flowTo: ({ transport, host, port }) => this.flow(transport, host, port),
      flowOf: ({ transport, remote }) => this.flows.get(`${transport}:${remote.host}:${remote.port}`),
      connectionFrom: (transport, { host, port }) => this.flows.get(`${transport}:${host}:${port}`),
      viaFor: ({ transport }) => ({ transport: transport.toUpperCase(), host: "192.0.2.1", port: 5060 }),
      isOwn: (host) => host === "192.0.2.1",
    };
    this.recordRoute = new RecordRoute({ secret, ways, isOwn: (host) => host === "192.0.2.1" });
    this.proxy = new StatefulProxy({
      transactions: this.layer,
      ways,
      resolver: {
        resolve: (uri, done) => {
          this.resolved.push(formatUri(uri));
          const answer = () => {
            const hops = this.#hops(uri);
            done(hops === undefined ? { ok: false, reason: "no such name" } : { ok: true, hops });
          };
          if (this.resolving === undefined) answer();
          else this.resolving.push(answer);
        },
        failed: ({ host }) => void this.resolverLog.push(`failed ${host}`),
        worked: ({ host }) => void this.resolverLog.push(`worked ${host}`),
      },
      recordRoute: this.recordRoute,
      secret,
      clock: this.clock,
      random,
      log: createLog({ level: "error", format: "json", write: () => {} }),
      record: (record) => void this.records.push(record),
      wallClock: () => 1_000_000 + this.clock.now(),
      ...rest,
    });
  }

  flow(transport: Flow["transport"], host: string, port: number): PeerFlow {
    const key = `${transport}:${host}:${port}`;
    let flow = this.flows.get(key);
    if (flow === undefined) {
      const last = Number(host.split(".")[3]);
      const name = host.startsWith("198.51.100.") ? String.fromCharCode(96 + last) : host;
      flow = new PeerFlow(name, { host, port }, transport);
      this.flows.set(key, flow);
    }
    return flow;
  }

  /** The phone with that letter. */
  phone(letter: string): PeerFlow {
    return this.flow("udp", hostOf(letter), 5060);
  }

  #hops({ host, port = 5060, params }: SipUri): readonly Hop[] | undefined {
    const transport = params.get("transport") === "tcp" ? "tcp" : "udp";
    return /^[\d.]+$/.test(host) ? [{ transport, host, port }] : this.names.get(host);
  }

  /**
   * `a INVITE`, `a CANCEL`, `a ACK b`: the caller sends it; `b 180`, `b 486 Header: value`: phone b answers its last
   * INVITE so; `b BYE 200`: another method's; `b fails`, `b works`: the way to b; `resolve`: the resolver answers; a
   * number: so many ms pass.
   */
  do(what: number | string): string {
    if (typeof what === "number") this.advance(what);
    else this.#act(what);
    return this.outcome();
  }

  #act(what: string): void {
    const [who = "", verb = "", ...rest] = what.split(" ");
    if (what === "resolve") for (const answer of this.resolving?.splice(0) ?? []) answer();
    else if (verb === "fails" || verb === "works")
      this.phone(who).failing = verb === "fails" ? "unreachable" : undefined;
    else if (who === "a") this.layer.receive(this.fromCaller(verb, rest[0]), this.caller);
    else if (/^\d+$/.test(verb)) this.answer(who, "INVITE", Number(verb), rest.join(" "));
    else this.answer(who, verb, Number(rest[0]), rest.slice(1).join(" "));
  }

  fromCaller(method: string, phone?: string): Request {
    const tag = phone === undefined ? "" : `;tag=${phone}`;
    return requestFrom({ method, ...this.parts, ...(tag !== "" && { to: `Bob <sip:bob@example.com>${tag}` }) });
  }

  answer(letter: string, method: string, status: number, header = "", tag = letter): void {
    this.receive(this.answered(letter, method, status, header, tag).octets, this.phone(letter));
  }

  /** The octets of a phone's response to its last request of a method. */
  answered(
    letter: string,
    method: string,
    status: number,
    header = "",
    tag = letter,
  ): { request: Request; octets: string } {
    const phone = this.phone(letter);
    this.#take();
    const request = phone.requests.get(method);
    if (request === undefined) throw new TypeError(`${letter} got no ${method}`);
    return { request, octets: this.responseTo(request, status, header, tag) };
  }

  responseTo(request: Request, status: number, header: string, tag: string): string {
    const recordRoute = request.headers("record-route").map((value) => `Record-Route: ${value}`);
    const host = request.target !== undefined && isSipUri(request.target) ? request.target.host : "";
    const contact = status < 300 && request.method === "INVITE" ? [`Contact: <sip:${tag}@${host}>`] : [];
    const headers = [...recordRoute, ...contact, ...(header === "" ? [] : [header])];
    return Buffer.from(responseTo(request, status, tag, headers).bytes()).toString("latin1");
  }

  /** Octets come from a peer. */
  receive(octets: string, flow: Flow): void {
    this.layer.receive(parsed(octets), flow);
  }

  parse(octets: string): Request | Response {
    return parsed(octets);
  }

  /** What the dispatcher makes of a request that goes by its Route. */
  arrival(request: Request, flow: Flow): Arrival {
    let made: Arrival | undefined;
    const user = this.#nextUser;
    this.#nextUser = (tx) => {
      made = new Arrival(tx);
      this.#nextUser = user;
    };
    this.layer.receive(request, flow);
    if (made === undefined) throw new TypeError("the request is no new one");
    return made;
  }

  uri(text: string): SipUri {
    const uri = parseUri(text);
    if (uri === undefined || !isSipUri(uri)) throw new TypeError(`${text} is no SIP URI`);
    return uri;
  }

  readonly #log: string[] = [];

  advance(ms: number): void {
    for (let left = ms; left > 0; left -= Math.min(left, 100)) {
      this.clock.advance(Math.min(left, 100));
      this.#take();
    }
  }

  /** What was sent since it was asked last. */
  outcome(): string {
    this.#take();
    return this.#log.splice(0).join(", ");
  }

  /** The last responses that the caller got. */
  readonly responses: Response[] = [];

  #take(): void {
    for (const flow of this.flows.values()) {
      for (const message of flow.takeMessages()) {
        if (message instanceof Request) {
          flow.requests.set(message.method, message);
          this.#log.push(`${flow.name}: ${message.method}`);
        } else {
          this.responses.push(message);
          const about = message.cseq.method === "INVITE" ? "" : ` ${message.cseq.method}`;
          this.#log.push(`${flow.name}: ${message.status}${about}`);
        }
      }
    }
  }

  /** After the last timer nothing is left. */
  expectEmpty(): void {
    for (const flow of this.flows.values()) flow.failing = undefined;
    this.clock.advance(400_000);
    expect({ open: this.layer.size, proxy: this.proxy.size }).toEqual({ open: 0, proxy: 0 });
  }
}

export function ackArrival(request: Request, flow: Flow): Arrival {
  return new Arrival({
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
  });
}

export interface Case extends BenchOptions {
  names?: Readonly<Record<string, readonly string[]>>;
  steps: readonly Step[];
}

/** A test for each case: the steps, and that nothing is left open afterwards. */
export function play(cases: Readonly<Record<string, Case>>): void {
  for (const [title, { steps, names = {}, ...options }] of Object.entries(cases)) {
    test(title, () => {
      const bench = new ProxyBench(options);
      for (const [name, letters] of Object.entries(names))
        bench.names.set(
          name,
          letters.map((letter) => ({ transport: "udp", host: hostOf(letter), port: 5060 })),
        );
      expect(steps.map(([what]): Step => [what, bench.do(what)])).toEqual([...steps]);
      bench.expectEmpty();
    });
  }
}
