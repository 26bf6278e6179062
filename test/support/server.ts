/** A whole server on loopback, and peers that send it real packets. */
import { createConnection, type Socket } from "node:net";
import type { CallControl, Command, Outcome } from "../../src/call/index.ts";
import type { Config, LimitSettings, Route } from "../../src/config/config.ts";
import { createLog } from "../../src/log.ts";
import { type Server, startServer } from "../../src/server/index.ts";
import { buildRequest, parseMessage, Request, Response } from "../../src/sip/message.ts";
import { bindUdp, UdpBindError, type UdpSocket } from "../../src/udp.ts";
import { freePort } from "./peers/ports.ts";

export interface TestServer {
  readonly server: Server;
  readonly port: { udp: number; tcp: number };
  /** What was logged, from debug on. */
  readonly log: string[];
  /** Calls that were given to the handler. */
  readonly calls: CallControl[];
}

export interface TestServerOptions {
  /** What is done with each call; refused when it throws. Answered by default. */
  handler?: (call: CallControl) => void;
  routes?: readonly Partial<Route>[];
  limits?: Partial<LimitSettings>;
  domains?: readonly string[];
  /** Any by default. */
  udpPort?: number;
}

const running: Server[] = [];
const closers: (() => void)[] = [];

/** Stops what a test started; for `afterEach` or `afterAll`. */
export async function stopAll(): Promise<void> {
  for (const close of closers.splice(0)) close();
  await Promise.all(running.splice(0).map((server) => server.stop()));
}

/** A command as a promise. */
export function perform(call: CallControl, command: Command): Promise<Outcome> {
  return new Promise((resolve) => call.perform(command, resolve));
}

export function answering(call: CallControl): void {
  call.listen(() => {});
  call.perform({ name: "ANSWER" }, () => {});
}

const everything: Partial<Route> = { action: { type: "exec", argv: ["handler"] } };

export async function openServer(options: TestServerOptions = {}): Promise<TestServer> {
  const log: string[] = [];
  const calls: CallControl[] = [];
  const media = await freePort(40);
  const config: Config = {
    file: "/siproc.yaml",
    folder: "/",
    listen: [
      { transport: "udp", host: "127.0.0.1", port: options.udpPort ?? 0 },
      { transport: "tcp", host: "127.0.0.1", port: 0 },
    ],
    advertise: undefined,
    domains: options.domains ?? [],
    routes: (options.routes ?? [everything]).map((route) => ({
      to: undefined,
      from: undefined,
      methods: undefined,
      action: { type: "reply", code: 404, reason: undefined },
      line: 1,
      column: 1,
      ...route,
    })),
    scripts: {
      memory: 16 << 20,
      cpu: 50,
      timeout: 60_000,
      allow: { read: [], write: [], net: [], dial: [], env: [] },
    },
    media: { ports: [media, media + 39], codecs: ["PCMU", "PCMA"], latch: "private" },
    log: { level: "debug", format: "pretty" },
    limits: {
      calls: 1000,
      callsPerSource: 1000,
      connections: 1000,
      connectionsPerSource: 1000,
      drain: 0,
      ...options.limits,
    },
  };
  const server = await startServer(config, {
    log: createLog({ level: "debug", format: "pretty", write: (line) => log.push(line) }),
    handlerFor: () => ({
      start(call) {
        calls.push(call);
        (options.handler ?? answering)(call);
      },
    }),
  });
  running.push(server);
  const port = (transport: "udp" | "tcp") =>
    server.listening.find((each) => each.transport === transport)?.local.port ?? 0;
  return { server, port: { udp: port("udp"), tcp: port("tcp") }, log, calls };
}

/** How long an awaited event may take, in ms: a bound against hanging, never a time to wait. */
const bound = 4000;

/** A UDP socket of somebody's. */
export class UdpPeer {
  readonly host: string;
  readonly port: number;
  /** Datagrams that came, in order. */
  readonly received: Uint8Array[] = [];
  readonly #socket: UdpSocket;
  readonly #to: number;
  #wake: (() => void) | undefined;

  /** `to` is the server's port on 127.0.0.1. @throws UdpBindError */
  static async open(to: number, host = "127.0.0.2", port = 0): Promise<UdpPeer> {
    let take = (_datagram: Uint8Array) => {};
    const socket = await bindUdp({
      host,
      port,
      guarded: false,
      receiveBuffer: 4 << 20,
      onPacket: (datagram) => take(datagram),
    });
    const peer = new UdpPeer(socket, to);
    take = (datagram) => peer.#take(datagram);
    closers.push(() => socket.close());
    return peer;
  }

  private constructor(socket: UdpSocket, to: number) {
    this.#socket = socket;
    this.host = socket.host;
    this.port = socket.port;
    this.#to = to;
  }

  #take(datagram: Uint8Array): void {
    this.received.push(datagram);
    this.#wake?.();
  }

  send(message: Uint8Array | string): void {
    this.#socket.send(typeof message === "string" ? Buffer.from(message, "latin1") : message, this.#to, "127.0.0.1");
  }

  get responses(): Response[] {
    return this.received.map((octets) => parseMessage(octets, "datagram")).filter((each) => each instanceof Response);
  }

  get requests(): Request[] {
    return this.received.map((octets) => parseMessage(octets, "datagram")).filter((each) => each instanceof Request);
  }

  /** The first message that `fits`, of those that came or will come. */
  async find<T extends Request | Response>(
    what: string,
    fits: (message: Request | Response) => T | undefined,
  ): Promise<T> {
    const end = performance.now() + bound;
    for (let at = 0; ; ) {
      for (; at < this.received.length; at++) {
        const message = parseMessage(this.received[at] ?? new Uint8Array(0), "datagram");
        const found = message.type === "failure" ? undefined : fits(message);
        if (found !== undefined) return found;
      }
      const left = end - performance.now();
      if (left <= 0) throw new RangeError(`no ${what} within ${bound} ms`);
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
  }

  response(callId: string, method: string, least = 200): Promise<Response> {
    return this.find(`response to ${method}`, (message) =>
      message instanceof Response &&
      message.callId === callId &&
      message.cseq.method === method &&
      message.status >= least
        ? message
        : undefined,
    );
  }

  request(method: string): Promise<Request> {
    return this.find(method, (message) =>
      message instanceof Request && message.method === method ? message : undefined,
    );
  }

  /** Sends an OPTIONS, and gives its answer: what was sent before it has been handled then. */
  async probe(): Promise<Response> {
    const callId = unique("probe");
    this.send(this.compose("OPTIONS", { callId }).bytes());
    return await this.response(callId, "OPTIONS");
  }

  /** A request of this peer's; `dialog` is a response whose dialog it belongs to. */
  compose(
    method: string,
    options: {
      callId?: string;
      uri?: string;
      sequence?: number;
      dialog?: Response;
      body?: string;
      headers?: [string, string][];
    } = {},
  ): Request {
    const {
      callId = unique("call"),
      uri = "sip:someone@127.0.0.1",
      sequence = 1,
      dialog,
      body,
      headers = [],
    } = options;
    return buildRequest({
      method,
      uri: dialog?.contact?.uriText ?? uri,
      headers: [
        ["Via", `SIP/2.0/UDP ${this.host}:${this.port};rport;branch=z9hG4bK${unique("b")}`],
        ["Max-Forwards", "70"],
        ["From", dialog?.header("from") ?? `<sip:tester@example.com>;tag=${unique("t")}`],
        ["To", dialog?.header("to") ?? `<${uri}>`],
        ["Call-ID", dialog?.callId ?? callId],
        ["CSeq", `${sequence} ${method}`],
        ["Contact", `<sip:tester@${this.host}:${this.port}>`],
        ...headers,
        ...(body === undefined ? [] : [["Content-Type", "application/sdp"] as const]),
      ],
      body: body === undefined ? undefined : Buffer.from(body),
    });
  }

  /** Acknowledges a 2xx to an INVITE, and hangs up. */
  hangUp(ok: Response): void {
    this.send(this.compose("ACK", { dialog: ok, sequence: ok.cseq.number }).bytes());
    this.send(this.compose("BYE", { dialog: ok, sequence: Math.min(ok.cseq.number + 1, 2 ** 31 - 1) }).bytes());
  }

  close(): void {
    this.#socket.close();
  }
}

let counter = 0;
export function unique(prefix: string): string {
  return `${prefix}${++counter}`;
}

export const turns = async (count = 3) => {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
};

/** What was answered to a message: the statuses in order, and the responses. */
export interface Answers {
  statuses: number[];
  responses: Response[];
}

/**
 * Sends one datagram from the port where its Via expects the response, and collects what comes until `peer`'s probe is
 * answered. A call that was answered is acknowledged and ended.
 */
export async function overUdp(peer: UdpPeer, to: number, octets: Uint8Array): Promise<Answers> {
  const { socket, message } = await listening(to, octets);
  socket.send(message);
  const probe = await peer.probe();
  if (probe.status !== 200) throw new RangeError(`the probe got ${probe.status}`);
  await turns();
  const { responses } = socket;
  await endCalls(peer, responses);
  socket.close();
  return { statuses: responses.map(({ status }) => status), responses };
}

async function listening(to: number, octets: Uint8Array): Promise<{ socket: UdpPeer; message: Uint8Array }> {
  const text = Buffer.from(octets).toString("latin1");
  const via = /^(?:via|v)[ \t]*:[^,\r\n]*/im.exec(text);
  const asked = /;\s*rport/i.test(via?.[0] ?? "")
    ? 0
    : Number(/:(\d{1,5})\s*(?:;|$)/.exec(via?.[0].slice(5) ?? "")?.[1] ?? 5060);
  try {
    return { socket: await UdpPeer.open(to, nextHost(), asked >= 1024 || asked === 0 ? asked : 5060), message: octets };
  } catch (error) {
    if (!(error instanceof UdpBindError) || via === null) throw error;
    const end = via.index + via[0].length;
    const message = Buffer.from(`${text.slice(0, end)};rport${text.slice(end)}`, "latin1");
    return { socket: await UdpPeer.open(to, nextHost()), message };
  }
}

let hosts = 0;
function nextHost(): string {
  hosts++;
  return `127.77.${(hosts >> 8) & 255}.${hosts & 255 || 1}`;
}

/** Ends the calls that these responses have made. */
async function endCalls(peer: UdpPeer, responses: readonly Response[]): Promise<void> {
  const ok = responses.find((each) => each.status >= 200 && each.status < 300 && each.cseq.method === "INVITE");
  if (ok === undefined) return;
  peer.hangUp(ok);
  await peer.response(ok.callId, "BYE");
}

/** The same over a TCP connection of its own, ended by us: the server closes it when all is answered. */
export async function overTcp(
  peer: UdpPeer,
  to: number,
  octets: Uint8Array,
  options: { segments?: "whole" | "octets" } = {},
): Promise<Answers> {
  const socket = createConnection({ port: to, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => {
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.on("end", () => socket.end());
  });
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  if (options.segments === "octets") await sendOctets(socket, octets);
  else socket.write(octets);
  socket.end();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RangeError(`the connection was not closed within ${bound} ms`)), bound);
  });
  await Promise.race([closed, late]);
  clearTimeout(timer);
  const responses = splitResponses(Buffer.concat(chunks));
  await endCalls(peer, responses);
  return { statuses: responses.map(({ status }) => status), responses };
}

/** One octet in each segment, as far as the kernel keeps them apart. */
async function sendOctets(socket: Socket, octets: Uint8Array): Promise<void> {
  for (let i = 0; i < octets.length; i++) {
    if (!socket.writable) return;
    socket.write(octets.subarray(i, i + 1));
    if (i % 64 === 63) await turns(1);
  }
}

function splitResponses(octets: Buffer): Response[] {
  const responses: Response[] = [];
  for (let at = 0; at < octets.length; ) {
    const end = octets.indexOf("\r\n\r\n", at);
    if (end < 0) break;
    const length = Number(/\r\nContent-Length: (\d+)/.exec(octets.toString("latin1", at, end + 2))?.[1] ?? 0);
    const message = parseMessage(octets.subarray(at, end + 4 + length), "stream");
    if (message instanceof Response) responses.push(message);
    at = end + 4 + length;
  }
  return responses;
}
