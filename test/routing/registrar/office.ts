/** A registrar in virtual time, and clients that register at it: what its tests share. */
import { Arrival, type Authenticated } from "../../../src/routing/chain.ts";
import {
  type Binding,
  Gruus,
  Location,
  type RegistrarOptions,
  type RegistrationEvent,
  registrar,
  servedDomains,
} from "../../../src/routing/registrar/index.ts";
import { VirtualClock } from "../../../src/sip/clock.ts";
import { checkRequest, Request, Response } from "../../../src/sip/message.ts";
import { seededRandom } from "../../../src/sip/random.ts";
import { TransactionLayer } from "../../../src/sip/transaction/index.ts";
import type { BindingStore } from "../../../src/store/index.ts";
import { FakeFlow, parsed } from "../../support/fake-flow.ts";

export interface RegisterParts {
  user?: string;
  domain?: string;
  contacts?: readonly string[];
  callId?: string;
  cseq?: number;
  branch?: string;
  /** Via lines below the topmost. */
  hops?: readonly string[];
  rport?: boolean;
  /** Further header lines. */
  lines?: readonly string[];
  flow?: FakeFlow;
  authenticated?: Authenticated;
  uri?: string;
  to?: string;
}

export const startOfTime = 1_700_000_000_000;

export class Office {
  readonly clock = new VirtualClock();
  readonly location: Location;
  readonly flow = new FakeFlow("udp");
  readonly events: string[] = [];
  readonly gruus = new Gruus(new Uint8Array(32).fill(7));
  #sequence = 0;
  #authenticated: Authenticated | undefined;
  readonly #layer: TransactionLayer;

  constructor(options: Partial<RegistrarOptions> & { store?: BindingStore; maxBindings?: number } = {}) {
    const { clock } = this;
    const random = seededRandom(1);
    this.location = new Location({
      clock,
      wall: () => startOfTime + clock.now(),
      store: options.store,
      maxBindings: options.maxBindings,
      tell: (event: RegistrationEvent, binding: Binding) => void this.events.push(`${event} ${binding.contact}`),
    });
    const receive = registrar({
      location: this.location,
      limits: { minExpires: 60, defaultExpires: 3600, maxExpires: 7200, maxContacts: 10 },
      domainOf: servedDomains(["example.com", "example.net"]),
      gruus: this.gruus,
      ...options,
    });
    this.#layer = new TransactionLayer({
      clock,
      random,
      user: {
        request: (tx) => {
          const incoming = new Arrival(tx);
          incoming.authenticated = this.#authenticated;
          if (!receive(incoming)) tx.respondStateless(501);
        },
        ack: () => {},
        cancel: () => {},
        strayResponse: () => {},
      },
    });
  }

  /** Sends a REGISTER as alice's phone does, and gives the answer. */
  register(parts: RegisterParts = {}): Response {
    const flow = parts.flow ?? this.flow;
    const domain = parts.domain ?? "example.com";
    const sequence = parts.cseq ?? ++this.#sequence;
    const lines = [
      `REGISTER ${parts.uri ?? `sip:${domain}`} SIP/2.0`,
      `Via: SIP/2.0/UDP 192.0.2.9:5060;branch=${parts.branch ?? `z9hG4bK${parts.callId ?? "call-1"}-${sequence}`}${parts.rport === false ? "" : ";rport"}`,
      ...(parts.hops ?? []).map((via) => `Via: ${via}`),
      `From: <sip:${parts.user ?? "alice"}@${domain}>;tag=f`,
      `To: ${parts.to ?? `<sip:${parts.user ?? "alice"}@${domain}>`}`,
      `Call-ID: ${parts.callId ?? "call-1"}`,
      `CSeq: ${sequence} REGISTER`,
      ...(parts.contacts ?? []).map((contact) => `Contact: ${contact}`),
      ...(parts.lines ?? []),
      "Content-Length: 0",
    ];
    const request = parsed(`${lines.join("\r\n")}\r\n\r\n`);
    if (!(request instanceof Request)) throw new TypeError("a request was expected");
    const refusal = checkRequest(request);
    if (refusal !== undefined) throw new TypeError(`the layer never gets this: ${refusal.reason}`);
    flow.sent.length = 0;
    this.#authenticated = parts.authenticated;
    this.#layer.receive(request, flow);
    const [response] = flow.takeMessages();
    if (!(response instanceof Response)) throw new TypeError("there is no answer");
    return response;
  }

  /** The contacts of an address-of-record as `uri;expires=seconds`. */
  contacts(aor = "alice@example.com"): string[] {
    return this.location
      .lookup(aor)
      .map((binding) => `${binding.contact};expires=${this.location.secondsLeft(binding)}`);
  }
}

/** Status and reason, with the Contacts of a 200. */
export function told(response: Response): string {
  return [`${response.status} ${response.reason}`, ...response.values("contact")].join(" ");
}
