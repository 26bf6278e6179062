/** A transport layer on loopback with what it reports in queues, and plain sockets as its peers. */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { createLog } from "../../src/log.ts";
import type { Clock } from "../../src/sip/clock.ts";
import type { Flow } from "../../src/sip/flow.ts";
import type { ParseFailure, Request, Response } from "../../src/sip/message.ts";
import {
  type ListenUrl,
  type Lookup,
  parseListenUrl,
  SystemClock,
  type Transport,
  TransportLayer,
  type TransportLimits,
  type TransportOptions,
} from "../../src/transport/index.ts";
import { below } from "../support/random.ts";

/** How long any awaited event may take, in ms: a bound against hanging, never a time to wait. */
const bound = 4000;

export class Queue<T> {
  readonly items: T[] = [];
  #waiting: ((item: T) => void)[] = [];

  push(item: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.items.push(item);
    else next(item);
  }

  next(what = "event"): Promise<T> {
    const item = this.items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return bounded(new Promise((resolve) => this.#waiting.push(resolve)), what);
  }
}

export async function bounded<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RangeError(`no ${what} within ${bound} ms`)), bound);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export interface Arrived {
  message: Request | Response;
  flow: Flow;
}

export interface TestLayer {
  layer: TransportLayer;
  messages: Queue<Arrived>;
  failures: Queue<{ failure: ParseFailure; flow: Flow }>;
  closed: Queue<Flow>;
  log: string[];
  /** The real port of the first listener of the transport. */
  port(transport: Transport): number;
}

const opened: TransportLayer[] = [];
const closers: (() => void)[] = [];

/** Closes what the test opened; for `afterEach`. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0)) close();
  await bounded(Promise.all(opened.splice(0).map((layer) => layer.close())), "end of the layers");
}

export function listenUrls(...texts: string[]): ListenUrl[] {
  return texts.map((text) => {
    const url = parseListenUrl(text);
    if (url === undefined) throw new RangeError(text);
    return url;
  });
}

export async function openLayer(
  options: {
    listen?: string[];
    limits?: Partial<TransportLimits>;
    clock?: Clock;
    advertise?: string;
    lookup?: Lookup;
    onMessage?: (arrived: Arrived) => void;
    onFailure?: (failure: ParseFailure, flow: Flow) => void;
  } & Pick<TransportOptions, "tls" | "http" | "allowedOrigins" | "admit"> = {},
): Promise<TestLayer> {
  const messages = new Queue<Arrived>();
  const failures = new Queue<{ failure: ParseFailure; flow: Flow }>();
  const closed = new Queue<Flow>();
  const log: string[] = [];
  const layer = await TransportLayer.open({
    listen: listenUrls(...(options.listen ?? ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"])),
    advertise: options.advertise,
    limits: options.limits,
    lookup: options.lookup,
    tls: options.tls,
    http: options.http,
    allowedOrigins: options.allowedOrigins,
    admit: options.admit,
    clock: options.clock ?? new SystemClock(),
    log: createLog({ level: "debug", format: "pretty", write: (line) => log.push(line) }),
    events: {
      message(message, flow) {
        options.onMessage?.({ message, flow });
        messages.push({ message, flow });
      },
      failure(failure, flow) {
        options.onFailure?.(failure, flow);
        failures.push({ failure, flow });
      },
      closed: (flow) => closed.push(flow),
    },
  });
  opened.push(layer);
  const port = (transport: Transport) => layer.listening.find((each) => each.transport === transport)?.local.port ?? 0;
  return { layer, messages, failures, closed, log, port };
}

/** A request as octets; `via` is the whole value of the topmost Via. */
export function requestText(options: { via?: string; callId?: string; method?: string; body?: string } = {}): string {
  const { via = "SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bKa;rport", callId = "c1", method = "OPTIONS" } = options;
  const body = options.body ?? "";
  return (
    `${method} sip:bob@example.com SIP/2.0\r\nVia: ${via}\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\n` +
    `To: <sip:bob@example.com>\r\nCall-ID: ${callId}\r\nCSeq: 1 ${method}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

export function responseText(callId = "c1"): string {
  return (
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa\r\nFrom: <sip:a@example.com>;tag=1\r\n" +
    `To: <sip:bob@example.com>;tag=2\r\nCall-ID: ${callId}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n`
  );
}

export const octets = (text: string): Uint8Array => Buffer.from(text, "latin1");

export interface UdpPeer {
  port: number;
  packets: Queue<{ text: string; port: number }>;
  send(datagram: string | Uint8Array, port: number, host?: string): void;
  close(): void;
}

export async function udpPeer(host = "127.0.0.1"): Promise<UdpPeer> {
  const packets = new Queue<{ text: string; port: number }>();
  const socket = await Bun.udpSocket({
    hostname: host,
    port: 0,
    socket: { data: (_socket, datagram, port) => packets.push({ text: datagram.toString("latin1"), port }) },
  });
  let open = true;
  const close = () => {
    if (open) socket.close();
    open = false;
  };
  closers.push(close);
  return {
    port: socket.port,
    packets,
    send: (datagram, port, to = host) => void socket.send(datagram, port, to),
    close,
  };
}

export interface TcpPeer {
  socket: Socket;
  /** Waits until all that came so far contains `text`, then gives all and starts anew. */
  until(text: string): Promise<string>;
  ended: Promise<void>;
}

function asPeer(socket: Socket): TcpPeer {
  let all = "";
  let check = () => {};
  socket.setNoDelay(true);
  socket.on("data", (chunk) => {
    all += chunk.toString("latin1");
    check();
  });
  socket.on("error", () => {});
  closers.push(() => socket.destroy());
  return {
    socket,
    until: (text) =>
      bounded(
        new Promise<string>((resolve) => {
          check = () => {
            if (!all.includes(text)) return;
            check = () => {};
            const got = all;
            all = "";
            resolve(got);
          };
          check();
        }),
        `${JSON.stringify(text)} from the layer`,
      ),
    ended: new Promise((resolve) => socket.once("close", () => resolve())),
  };
}

/** A socket of node:net or node:tls, connected or about to be, as a peer. */
export function peerOf(socket: Socket): TcpPeer {
  return asPeer(socket);
}

export async function tcpPeer(
  port: number,
  options: { host?: string; allowHalfOpen?: boolean } = {},
): Promise<TcpPeer> {
  const socket = createConnection({ port, host: options.host ?? "127.0.0.1", allowHalfOpen: options.allowHalfOpen });
  const peer = asPeer(socket);
  const connected = new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });
  await bounded(connected, "connection");
  return peer;
}

export async function tcpServer(port = 0): Promise<{ port: number; accepted: Queue<TcpPeer>; server: Server }> {
  const accepted = new Queue<TcpPeer>();
  const server = createServer((socket) => accepted.push(asPeer(socket)));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  closers.push(() => void server.close());
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, accepted, server };
}

/** Sends and gives the reason of the failure. */
export function sendFails(flow: Flow, bytes: Uint8Array): Promise<string> {
  return bounded(new Promise<string>((resolve) => flow.send(bytes, resolve)), "failure");
}

/** Random octets, or a valid message with some of its octets changed, removed or doubled. */
export function garbage(random: () => number, valid: string): Uint8Array {
  if (random() < 0.3) return Uint8Array.from({ length: below(random, 400) }, () => below(random, 256));
  const text = [...octets(valid)];
  for (let changes = 1 + below(random, 6); changes > 0; changes--) {
    const at = below(random, text.length);
    const kind = random();
    if (kind < 0.5) text[at] = below(random, 256);
    else if (kind < 0.75) text.splice(at, 1 + below(random, 40));
    else text.splice(at, 0, ...text.slice(at, at + below(random, 40)));
  }
  return Uint8Array.from(text);
}
