/** A binding (RFC 3261 §10): where an address-of-record can be reached, until when, and by which way it was said. */
import type { Flow } from "../../sip/flow.ts";
import { Params } from "../../sip/params.ts";
import { splitList } from "../../sip/text.ts";
import type { BindingRow, SavingState, StoredBinding } from "../../store/types.ts";

/** A flow by its names alone: what can be kept. */
export type FlowRef = Pick<Flow, "id" | "transport" | "local" | "remote">;

/** What a REGISTER says of one binding. */
export interface BindingFacts {
  /** The contact's URI as sent. */
  readonly contact: string;
  /** The contact's other parameters as sent, from the first semicolon on, without expires and q. */
  readonly params: string;
  readonly callId: string;
  /** The Path as sent (RFC 3327), its lines joined by commas; "" when there was none. */
  readonly path: string;
  /** Above zero when the binding is one flow of an instance (RFC 5626). */
  readonly regId: number;
  /** Where it came from, as `formatFlow` writes it. */
  readonly flow: string;
  readonly userAgent: string;
}

/** The facts of a binding in the order in which they are kept. */
const fact = { contact: 0, params: 1, callId: 2, path: 3, regId: 4, flow: 5, userAgent: 6 } as const;

/**
 * A hundred thousand of them are in memory: the facts are one string, made of copies, so that no binding keeps the message
 * that made it, and each is cut out when asked for.
 */
export class Binding implements StoredBinding {
  readonly id: number;
  readonly aor: string;
  /** Milliseconds since 1970. */
  expires = 0;
  /** When the last REGISTER for it came, in milliseconds since 1970. */
  refreshed = 0;
  /** When it expires by the clock of the location service. */
  due = 0;
  cseq = 0;
  /** A hash of the last REGISTER's branch: the same request again is no request out of order. */
  mark = 0;
  q = 1;
  /** The number of the flow of an instance (RFC 5626); undefined where it is none. */
  regId: number | undefined;
  /** It came over UDP from another address than the contact says. */
  natted = false;
  /** The REGISTER came from the client itself: its flow leads there. */
  direct = false;
  saving: SavingState = "new";
  /** The next binding of the same address-of-record. */
  sibling: Binding | undefined = undefined;
  /** Neighbours in the ring of those that expire at the same time. */
  earlier: Binding | undefined = undefined;
  later: Binding | undefined = undefined;
  slot = -1;
  /** Its place among those whose NAT is kept open. */
  alive = -1;
  #facts: string;

  constructor(id: number, aor: string, said: BindingFacts) {
    this.id = id;
    this.aor = aor;
    this.regId = said.regId || undefined;
    this.#facts = join(said);
  }

  static restored(row: BindingRow): Binding {
    const binding = new Binding(row.id, row.aor, row);
    binding.expires = row.expires;
    binding.refreshed = row.refreshed;
    binding.cseq = row.cseq;
    binding.q = row.q;
    binding.natted = row.natted !== 0;
    binding.direct = row.direct !== 0;
    binding.saving = "written";
    return binding;
  }

  /** Takes over what another REGISTER for the same contact said. */
  update(said: BindingFacts): void {
    this.regId = said.regId || undefined;
    this.#facts = join(said);
  }

  get contact(): string {
    return this.#fact(fact.contact);
  }

  get params(): string {
    return this.#fact(fact.params);
  }

  get callId(): string {
    return this.#fact(fact.callId);
  }

  /** The values of its Path, the first one topmost. */
  get path(): readonly string[] {
    const path = this.#fact(fact.path);
    return path === "" ? [] : splitList(path);
  }

  /** The device's name for itself (RFC 5626 §4.1). */
  get instance(): string | undefined {
    const params = this.#fact(fact.params);
    if (!/;\s*\+sip\.instance/i.test(params)) return undefined;
    return instanceIn(Params.parse(params, 0, params.length, "header"));
  }

  get flow(): FlowRef {
    return parseFlow(this.#fact(fact.flow));
  }

  get userAgent(): string | undefined {
    return this.#fact(fact.userAgent) || undefined;
  }

  /** Is the contact this very text? */
  isAt(contact: string): boolean {
    return this.#facts.charCodeAt(contact.length) === 0x0a && this.#facts.startsWith(contact);
  }

  /** Was it made, or refreshed last, with this Call-ID? */
  isOf(callId: string): boolean {
    const text = this.#facts;
    const at = text.indexOf("\n", text.indexOf("\n") + 1) + 1;
    return text.charCodeAt(at + callId.length) === 0x0a && text.startsWith(callId, at);
  }

  row(): string {
    const { id, expires, refreshed, cseq, q, natted, direct, aor } = this;
    return `${id}\n${expires}\n${refreshed}\n${cseq}\n${q}\n${natted ? 1 : 0}\n${direct ? 1 : 0}\n${aor}\n${this.#facts}`;
  }

  #fact(number: number): string {
    const text = this.#facts;
    let from = 0;
    for (let left = number; left > 0; left--) from = text.indexOf("\n", from) + 1;
    const end = text.indexOf("\n", from);
    return text.slice(from, end < 0 ? text.length : end);
  }
}

function join(said: BindingFacts): string {
  const text = `${said.contact}\n${said.params}\n${said.callId}\n${said.path}\n${said.regId}\n${said.flow}\n${said.userAgent}`;
  // Looking into a string that was put together makes one piece of it, which keeps none of its parts alive; what is seen
  // there must matter, or nobody looks.
  return text.charCodeAt(0) === 0x0a ? "" : text;
}

/** The value of +sip.instance without its brackets; undefined when there is none. */
export function instanceIn(params: Params | undefined): string | undefined {
  const value = params === undefined || params.size === 0 ? undefined : params.get("+sip.instance");
  if (value === undefined) return undefined;
  const urn = value.startsWith("<") && value.endsWith(">") ? value.slice(1, -1) : value;
  // RFC 4122 §3: the digits of a UUID may be in either case.
  return (/^urn:uuid:/i.test(urn) ? urn.toLowerCase() : urn) || undefined;
}

/** A flow as one word after the other; none of them holds a space but perhaps the last. UDP's are their addresses. */
export function formatFlow({ transport, local, remote, id }: FlowRef): string {
  const addresses = `${transport} ${local.host} ${local.port} ${remote.host} ${remote.port}`;
  return transport === "udp" ? addresses : `${addresses} ${id}`;
}

function parseFlow(text: string): FlowRef {
  const [transport = "", localHost = "", localPort, remoteHost = "", remotePort, ...id] = text.split(" ");
  return {
    transport: transports.find((known) => known === transport) ?? "udp",
    local: { host: localHost, port: Number(localPort) || 0 },
    remote: { host: remoteHost, port: Number(remotePort) || 0 },
    id: id.join(" "),
  };
}

const transports = ["udp", "tcp", "tls", "ws", "wss"] as const;
