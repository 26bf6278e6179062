/** A stateless proxy between fake flows: what comes in by hand, and what leaves it. */
import { createLog } from "../../../src/log.ts";
import { Arrival, type Incoming } from "../../../src/routing/chain.ts";
import type { MediaRelay } from "../../../src/routing/media-relay-seam.ts";
import { type StatelessForwardOptions, StatelessProxy } from "../../../src/routing/proxy-stateless/index.ts";
import { RecordRoute } from "../../../src/routing/record-route.ts";
import type { ProxyTarget } from "../../../src/routing/target.ts";
import type { FlowRef, Ways } from "../../../src/routing/ways.ts";
import { StrayTransaction } from "../../../src/server/stray.ts";
import { VirtualClock } from "../../../src/sip/clock.ts";
import type { Address, Flow } from "../../../src/sip/flow.ts";
import { checkRequest, checkResponse, Request, Response } from "../../../src/sip/message.ts";
import { type Random, seededRandom } from "../../../src/sip/random.ts";
import { TransactionLayer } from "../../../src/sip/transaction/index.ts";
import type { SipUri } from "../../../src/sip/uri.ts";
import type { Hop, Resolution } from "../../../src/transport/resolve/contract.ts";
import { parsed } from "../../support/fake-flow.ts";

type Transport = Flow["transport"];

/** Something that was sent: "udp 192.0.2.2:5060", and what. */
export interface Sent {
  readonly to: string;
  readonly message: Request | Response;
  readonly bytes: Uint8Array;
}

/** A flow whose sends are kept in order with those of all others. */
class Wire implements Flow {
  readonly transport: Transport;
  readonly local: Address;
  readonly remote: Address;
  readonly id: string;
  failing: string | undefined;
  readonly #sent: Sent[];

  constructor(transport: Transport, local: Address, remote: Address, sent: Sent[]) {
    this.transport = transport;
    this.local = local;
    this.remote = remote;
    this.id = `${transport}-${remote.host}-${remote.port}`;
    this.#sent = sent;
  }

  get reliable(): boolean {
    return this.transport !== "udp";
  }

  send(bytes: Uint8Array, failed?: (reason: string) => void): void {
    if (this.failing !== undefined) failed?.(this.failing);
    else this.#sent.push({ to: name(this), message: parsed(bytes), bytes });
  }
}

function name({ transport, remote: { host, port } }: Pick<Flow, "transport" | "remote">): string {
  return `${transport} ${host}:${port}`;
}

export interface BenchOptions {
  secret?: Uint8Array;
  /** Where a request outside of a dialog goes; by default to Bob at 192.0.2.2. */
  route?: (request: Request) => ProxyTarget;
  forward?: StatelessForwardOptions;
  /** An authorizer has let the request through. */
  authenticated?: boolean;
  /** Hops of names; addresses are their own. */
  names?: Readonly<Record<string, readonly Hop[]>>;
  relay?: MediaRelay;
  ownRealm?: (realm: string) => boolean;
}

export const bob: ProxyTarget = { uri: "sip:bob@192.0.2.2:5060" };

export class Bench {
  readonly sent: Sent[] = [];
  readonly clock = new VirtualClock();
  readonly layer: TransactionLayer;
  readonly proxy: StatelessProxy;
  readonly recordRoute: RecordRoute;
  /** Names that are being resolved; call them to go on. */
  readonly resolving: (() => void)[] = [];
  /** What no proxy took. */
  readonly untaken: (Request | Response)[] = [];
  slow = false;
  readonly #wires = new Map<string, Wire>();
  readonly #gone = new Set<string>();
  readonly #options: BenchOptions;

  constructor(options: BenchOptions = {}) {
    this.#options = options;
    const secret = options.secret ?? new Uint8Array(32).fill(9);
    const ways: Ways = {
      flowTo: ({ transport, host, port }) => this.wire(transport, host, port),
      flowOf: (ref) => this.#flowOf(ref),
      connectionFrom: (transport, remote) => this.#flowOf({ id: "", transport, local: remote, remote }),
      viaFor: ({ transport, local }) => ({ transport: transport.toUpperCase(), ...local }),
      isOwn: (host, port) => host === "192.0.2.1" && (port ?? 5060) === 5060,
    };
    this.recordRoute = new RecordRoute({ secret, ways, isOwn: ways.isOwn });
    this.layer = new TransactionLayer({
      clock: this.clock,
      random: seededRandom(1),
      user: {
        request: (tx) => this.#take(new Arrival(tx)),
        ack: (ack, flow) => this.#take(new Arrival(new StrayTransaction(ack, flow, this.layer))),
        cancel: () => {},
        strayCancel: (cancel, flow) => {
          this.#take(new Arrival(new StrayTransaction(cancel, flow, this.layer)));
          return true;
        },
        strayResponse: (response, flow) => {
          if (!this.proxy.response(response, flow)) this.untaken.push(response);
        },
      },
    });
    this.proxy = new StatelessProxy({
      transactions: this.layer,
      ways,
      resolver: { resolve: (uri, done, random) => this.#resolve(uri, done, random) },
      recordRoute: this.recordRoute,
      secret,
      log: createLog({ level: "error", format: "pretty" }),
      relay: options.relay,
      ownRealm: options.ownRealm,
    });
  }

  /** The flow between us and that address. */
  wire(transport: Transport, host: string, port = 5060): Wire {
    const id = `${transport}-${host}-${port}`;
    let wire = this.#wires.get(id);
    if (wire === undefined) {
      const own = host.includes(":") ? "2001:db8::1" : host.startsWith("10.") ? "10.0.0.1" : "192.0.2.1";
      wire = new Wire(transport, { host: own, port: transport === "tls" ? 5061 : 5060 }, { host, port }, this.sent);
      this.#wires.set(id, wire);
    }
    return wire;
  }

  /** From now on there is no connection any more. */
  hangUp(flow: Flow): void {
    this.#gone.add(flow.id);
  }

  /** Takes a message as the server would, and gives what was sent meanwhile. */
  receive(message: string | Uint8Array | Request | Response, flow: Flow): Sent[] {
    const read = typeof message === "string" || message instanceof Uint8Array ? parsed(message) : message;
    if (read instanceof Response) {
      if (checkResponse(read)) this.layer.receive(read, flow);
    } else {
      const refusal = checkRequest(read);
      if (refusal === undefined) this.layer.receive(read, flow);
      else this.layer.replyStateless(read, flow, refusal.status, refusal);
    }
    return this.sent.splice(0);
  }

  /** The one message that was sent, and where to. */
  one(message: string | Uint8Array | Request | Response, flow: Flow): Sent {
    const sent = this.receive(message, flow);
    const [only] = sent;
    if (only === undefined || sent.length > 1) throw new RangeError(`${sent.length} messages were sent`);
    return only;
  }

  #take(incoming: Incoming): void {
    const { request, flow } = incoming;
    const passage = this.recordRoute.read(request, flow);
    if (passage.own && (passage.genuine || request.to.tag !== undefined)) this.proxy.inDialog(incoming);
    else if (!this.proxy.contact(incoming)) {
      const { route = () => bob, forward, authenticated = false } = this.#options;
      if (authenticated) incoming.authenticated = { user: "alice", realm: "example.com" };
      this.proxy.forward(incoming, route(request), forward);
    }
  }

  #flowOf(ref: FlowRef): Flow | undefined {
    const id = ref.id === "" ? `${ref.transport}-${ref.remote.host}-${ref.remote.port}` : ref.id;
    if (ref.transport === "udp") return this.wire("udp", ref.remote.host, ref.remote.port);
    return this.#gone.has(id) ? undefined : this.#wires.get(id);
  }

  #resolve(uri: SipUri, done: (result: Resolution) => void, random: Random | undefined): void {
    const answer = () => done(this.#resolution(uri, random));
    if (this.slow) this.resolving.push(answer);
    else answer();
  }

  #resolution(uri: SipUri, random: Random | undefined): Resolution {
    const { host, port = 5060 } = uri;
    const transport = ([...uri.params.entries()].find(([param]) => param === "transport")?.[1] ?? "udp").toLowerCase();
    const known = this.#options.names?.[host];
    if (known !== undefined) {
      const first = Number.parseInt(random?.token(4) ?? "0", 16) % Math.max(1, known.length);
      return { ok: true, hops: [...known.slice(first), ...known.slice(0, first)] };
    }
    if (!/^[\d.]+$|:/.test(host)) return { ok: false, reason: "no such name" };
    const served = (["udp", "tcp", "tls", "ws", "wss"] as const).find((each) => each === transport) ?? "udp";
    return { ok: true, hops: [{ transport: served, host, port }] };
  }
}

/** A request that was sent. */
export function asRequest({ message }: Sent): Request {
  if (message instanceof Request) return message;
  throw new TypeError(`a request was expected, not ${message.status}`);
}

export function asResponse({ message }: Sent): Response {
  if (message instanceof Response) return message;
  throw new TypeError(`a response was expected, not ${message.method}`);
}
