/** A phone, a server or an attacker, by any transport, that says what a test tells it to. */
import { createConnection, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { hash } from "../../src/hash.ts";
import { DigestClient } from "../../src/sip/digest-client.ts";
import { StreamFramer } from "../../src/sip/framer.ts";
import {
  buildRequest,
  buildResponse,
  type HeaderList,
  parseMessage,
  Request,
  Response,
} from "../../src/sip/message.ts";
import { secureRandom } from "../../src/sip/random.ts";
import type { Transport } from "../../src/transport/index.ts";
import { bindUdp } from "../../src/udp.ts";

/** How long an awaited event may take, in ms: a bound against hanging, never a time to wait. */
const bound = 4000;

/** What is sent and closed. */
interface Link {
  readonly host: string;
  readonly port: number;
  send(octets: Uint8Array): void;
  close(): void;
  /** The other side has closed it. */
  readonly closed: Promise<void>;
}

export interface PeerOptions {
  /** Where it sends from; 127.0.0.1 by default, and always for WebSockets. */
  host?: string;
  /** For UDP. */
  port?: number;
  /** Its name, in From and Contact. */
  user?: string;
  password?: string;
  /** The domain of its From, and what it registers at. */
  domain?: string;
}

export interface RequestOptions {
  uri?: string;
  callId?: string;
  sequence?: number;
  /** Of the top Via, without its cookie. */
  branch?: string;
  from?: string;
  to?: string;
  contact?: string | undefined;
  maxForwards?: number;
  headers?: HeaderList;
  body?: string;
}

const opened = new Set<Peer>();

export function closeAllPeers(): void {
  for (const peer of opened) peer.close();
  opened.clear();
}

let counter = 0;
/** A word that nothing else has. */
export function fresh(prefix: string): string {
  counter++;
  return `${prefix}${process.pid.toString(36)}x${counter.toString(36)}`;
}

export class Peer {
  readonly transport: Transport;
  readonly user: string;
  readonly domain: string;
  /** All that came, in order; `octets` is its size on the wire of SIP. */
  readonly came: (Request | Response)[] = [];
  octets = 0;
  /** What is done with each request that comes: nothing by default. */
  onRequest: (request: Request) => void = () => {};
  onResponse: (response: Response) => void = () => {};
  readonly #link: Link;
  readonly #client: DigestClient;
  readonly #waiting = new Set<() => void>();

  static async open(port: number, transport: Transport = "udp", options: PeerOptions = {}): Promise<Peer> {
    let peer: Peer | undefined;
    const early: Uint8Array[] = [];
    const take = (octets: Uint8Array) => (peer === undefined ? void early.push(octets) : peer.#take(octets));
    const link = await links[transport](port, take, options);
    peer = new Peer(transport, link, options);
    for (const octets of early) peer.#take(octets);
    opened.add(peer);
    return peer;
  }

  private constructor(transport: Transport, link: Link, options: PeerOptions) {
    this.transport = transport;
    this.#link = link;
    this.user = options.user ?? "tester";
    this.domain = options.domain ?? "example.com";
    const { user } = this;
    this.#client = new DigestClient({
      hash,
      random: secureRandom,
      identities: options.password === undefined ? [] : [{ user, password: options.password }],
    });
  }

  /** Resolves when its connection is closed by the server; UDP has none. */
  get closed(): Promise<void> {
    return within("end of the connection", this.#link.closed);
  }

  /** The same, however long it takes. */
  get ended(): Promise<void> {
    return this.#link.closed;
  }

  get host(): string {
    return this.#link.host;
  }

  get port(): number {
    return this.#link.port;
  }

  /** `host:port`, with the parameter that its transport needs in a URI. */
  get address(): string {
    const { transport } = this;
    const name = transport === "wss" ? "ws" : transport;
    return `${this.host}:${this.port}${name === "udp" ? "" : `;transport=${name}`}`;
  }

  get contact(): string {
    return `<sip:${this.user}@${this.address}>`;
  }

  get requests(): Request[] {
    return this.came.filter((each) => each instanceof Request);
  }

  get responses(): Response[] {
    return this.came.filter((each) => each instanceof Response);
  }

  send(message: Request | Response | Uint8Array | string): void {
    if (typeof message === "string") this.#link.send(Buffer.from(message, "latin1"));
    else this.#link.send(message instanceof Request || message instanceof Response ? message.bytes() : message);
  }

  compose(method: string, options: RequestOptions = {}): Request {
    const { domain, user } = this;
    const { uri = `sip:${domain}`, sequence = 1, body } = options;
    const contact = "contact" in options ? options.contact : this.contact;
    const branch = options.branch ?? fresh("b");
    return buildRequest({
      method,
      uri,
      headers: [
        ["Via", `SIP/2.0/${this.transport.toUpperCase()} ${this.host}:${this.port};rport;branch=z9hG4bK${branch}`],
        ["Max-Forwards", String(options.maxForwards ?? 70)],
        ["From", options.from ?? `<sip:${user}@${domain}>;tag=${fresh("t")}`],
        ["To", options.to ?? `<${uri}>`],
        ["Call-ID", options.callId ?? fresh("call")],
        ["CSeq", `${sequence} ${method}`],
        ...(contact === undefined ? [] : [["Contact", contact] as const]),
        ...(options.headers ?? []),
        ...(body === undefined ? [] : [["Content-Type", "application/sdp"] as const]),
        ["Content-Length", String(body?.length ?? 0)],
      ],
      body: body === undefined ? undefined : Buffer.from(body, "latin1"),
    });
  }

  /** Sends a request, and gives its final response. */
  async ask(method: string, options: RequestOptions = {}): Promise<Response> {
    const request = this.compose(method, options);
    this.send(request);
    return await this.answer(request);
  }

  /** The same, with this peer's password where it is asked for. */
  async asMyself(method: string, options: RequestOptions = {}): Promise<Response> {
    const attempt = this.#client.attempt();
    const uri = options.uri ?? `sip:${this.domain}`;
    const callId = options.callId ?? fresh("call");
    const from = options.from ?? `<sip:${this.user}@${this.domain}>;tag=${fresh("t")}`;
    for (let sequence = options.sequence ?? 1; ; sequence++) {
      const headers = [...(options.headers ?? []), ...attempt.headers(method, uri)];
      const response = await this.ask(method, { ...options, callId, from, sequence, headers });
      if (response.status !== 401 && response.status !== 407) return response;
      if (method === "INVITE") this.acknowledge(response);
      if (attempt.challenged(response) !== undefined) return response;
    }
  }

  /** Registers this peer; `contacts` are whole values, its own address by default. */
  register(contacts: string = this.contact, headers: HeaderList = []): Promise<Response> {
    const own = `<sip:${this.user}@${this.domain}>`;
    return this.asMyself("REGISTER", { contact: contacts, to: own, headers: [["Expires", "600"], ...headers] });
  }

  /** ACK for a failure response to an INVITE of ours. */
  acknowledge(response: Response): void {
    const { lines } = response;
    const headers: [string, string][] = [];
    for (const name of ["via", "from", "to", "call-id"] as const) headers.push([name, lines.value(lines.find(name))]);
    headers[0] = ["Via", response.values("via")[0] ?? ""];
    const uri = `sip:${this.domain}`;
    const rest: HeaderList = [
      ["CSeq", `${response.cseq.number} ACK`],
      ["Content-Length", "0"],
    ];
    this.send(buildRequest({ method: "ACK", uri, headers: [...headers, ...rest] }));
  }

  reply(request: Request, status: number, headers: HeaderList = [], toTag = `to-${this.user}`): void {
    const own = request.method === "INVITE" && status < 300 && !headers.some(([name]) => name === "Contact");
    const contact: HeaderList = own ? [["Contact", this.contact]] : [];
    const copyRecordRoute = request.method === "INVITE" && status > 100 && status < 300;
    this.send(buildResponse(request, status, { toTag, copyRecordRoute, headers: [...contact, ...headers] }));
  }

  /** The final response to a request. */
  answer({ callId, cseq }: Request, least = 200): Promise<Response> {
    return this.find(`response to ${cseq.method}`, (message) =>
      message instanceof Response &&
      message.status >= least &&
      message.callId === callId &&
      message.cseq.number === cseq.number &&
      message.cseq.method === cseq.method
        ? message
        : undefined,
    );
  }

  request(method: string, fits: (request: Request) => boolean = () => true): Promise<Request> {
    return this.find(method, (message) =>
      message instanceof Request && message.method === method && fits(message) ? message : undefined,
    );
  }

  /** The first message that `fits`, of those that came or will come. */
  async find<T>(what: string, fits: (message: Request | Response) => T | undefined): Promise<T> {
    const end = performance.now() + bound;
    for (let at = 0; ; ) {
      for (; at < this.came.length; at++) {
        const message = this.came[at];
        const found = message === undefined ? undefined : fits(message);
        if (found !== undefined) return found;
      }
      const left = end - performance.now();
      if (left <= 0) throw new RangeError(`${this.user} got no ${what} within ${bound} ms`);
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, left);
      this.#waiting.add(resolve);
      await promise;
      this.#waiting.delete(resolve);
      clearTimeout(timer);
    }
  }

  /** Waits until what was sent before has been handled. */
  async settled(): Promise<void> {
    await this.ask("OPTIONS", { uri: `sip:${this.domain}`, maxForwards: 0 });
    for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  close(): void {
    opened.delete(this);
    this.#link.close();
  }

  #take(octets: Uint8Array): void {
    this.octets += octets.length;
    const message = parseMessage(octets, "datagram");
    if (message.type === "failure") return;
    this.came.push(message);
    if (message instanceof Request) this.onRequest(message);
    else this.onResponse(message);
    for (const wake of this.#waiting) wake();
  }
}

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new RangeError(`no ${what} within ${bound} ms`)), bound);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

type Opener = (port: number, take: (octets: Uint8Array) => void, options: PeerOptions) => Promise<Link>;

const links: Readonly<Record<Transport, Opener>> = {
  async udp(port, take, { host = "127.0.0.1", port: own = 0 }) {
    const socket = await bindUdp({ host, port: own, guarded: false, receiveBuffer: 4 << 20, onPacket: take });
    const { port: bound } = socket;
    return {
      host,
      port: bound,
      send: (octets) => void socket.send(octets, port, "127.0.0.1"),
      close: () => socket.close(),
      closed: new Promise(() => {}),
    };
  },
  tcp: (port, take, { host }) =>
    stream(createConnection({ port, host: "127.0.0.1", localAddress: host ?? "127.0.0.1" }), "connect", take),
  tls: (port, take) =>
    stream(connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }), "secureConnect", take),
  ws: (port, take) => webSocket(`ws://127.0.0.1:${port}/`, take),
  wss: (port, take) => webSocket(`wss://127.0.0.1:${port}/`, take),
};

async function stream(socket: Socket, event: string, take: (octets: Uint8Array) => void): Promise<Link> {
  const framer = new StreamFramer({ maxHead: 1 << 20, maxBody: 1 << 20 });
  socket.on("data", (chunk: Uint8Array) => {
    for (const item of framer.push(chunk)) {
      if (typeof item !== "string" && (item.type === "request" || item.type === "response")) take(item.bytes());
    }
  });
  await new Promise<void>((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once("error", reject);
  });
  socket.on("error", () => {});
  return {
    host: "127.0.0.1",
    port: socket.localPort ?? 0,
    send: (octets) => void socket.write(octets),
    close: () => void socket.destroy(),
    closed: new Promise((resolve) => socket.once("close", () => resolve())),
  };
}

/** A browser: its Via and Contact name a host that nobody can find (RFC 7118 §5). */
async function webSocket(url: string, take: (octets: Uint8Array) => void): Promise<Link> {
  const socket = new WebSocket(url, { protocols: ["sip"], tls: { rejectUnauthorized: false } });
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => take(typeof data === "string" ? Buffer.from(data) : new Uint8Array(data));
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new RangeError(`no WebSocket at ${url}`));
  });
  return {
    host: `${fresh("browser")}.invalid`,
    port: 5060,
    send: (octets) => void socket.send(octets),
    close: () => socket.close(),
    closed: new Promise((resolve) => socket.addEventListener("close", () => resolve())),
  };
}
