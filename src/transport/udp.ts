/** SIP over UDP: one socket per listener, one message per datagram, flows that cost nothing to make. */
import type { Address, Flow } from "../sip/flow.ts";
import { parseMessage, Request } from "../sip/message.ts";
import { answerStun, isStun } from "../sip/stun.ts";
import { bindUdp, type UdpOptions, type UdpSocket } from "../udp.ts";
import { formatAddress, refusesSending, socketHost } from "./address.ts";
import { type Failed, failLater, type TransportContext } from "./context.ts";
import { DatagramTurns } from "./datagram-turns.ts";
import { responseTarget } from "./response-target.ts";

/** The most that UDP over IPv4 carries. */
const largestDatagram = 65_507;
/** A power of two. */
const knownWays = 1024;
/** Datagrams that wait for the socket's buffer; more are refused. */
const maxBacklog = 1_000;
/** Bursts of SIP are small datagrams by the thousand: what the kernel keeps while the loop is busy. */
const receiveBuffer = 4 * 1024 * 1024;

/** @throws UdpBindError */
export type BindUdp = (options: UdpOptions) => Promise<UdpSocket>;

interface Waiting {
  bytes: Uint8Array;
  target: Address;
  failed: Failed | undefined;
}

export class UdpTransport {
  readonly transport = "udp";
  /** The bound address with its real port. */
  readonly local: Address;
  readonly context: TransportContext;
  readonly turns = new DatagramTurns({
    take: (datagram, port, host) => this.#receive(datagram, port, host),
    drop: (sources) => this.#socket.drop(sources),
    gather: (work) => this.#socket.gather(work),
  });
  readonly #socket: UdpSocket;
  /** Ways to those that were heard or meant lately, at a place that their address gives. */
  readonly #known: (UdpFlow | undefined)[] = new Array<UdpFlow | undefined>(knownWays).fill(undefined);
  #backlog: Waiting[] = [];
  #closed = false;

  /** @throws UdpBindError */
  static async open(bind: Address, context: TransportContext, bindSocket: BindUdp = bindUdp): Promise<UdpTransport> {
    let transport: UdpTransport | undefined;
    const socket = await bindSocket({
      host: bind.host,
      port: bind.port,
      receiveBuffer,
      guarded: false,
      onPacket: (datagram, port, host) => transport?.turns.push(datagram, port, host),
      busy: () => transport?.turns.busy === true,
      onUnsent: (bytes, port, host, failed) => transport?.takeBack(bytes, { host, port }, failed),
    });
    transport = new UdpTransport(socket, bind.host, context);
    return transport;
  }

  private constructor(socket: UdpSocket, host: string, context: TransportContext) {
    this.#socket = socket;
    this.context = context;
    this.local = { host, port: socket.port };
  }

  /**
   * A flow to `remote`, whose host is a canonical IP literal. The same for all messages of a peer that is talked to much:
   * what is kept for a call holds no address of its own.
   */
  flow(remote: Address): Flow {
    const { host, port } = remote;
    let place = port;
    for (let at = 0; at < host.length; at++) place = (31 * place + host.charCodeAt(at)) & (knownWays - 1);
    const known = this.#known[place];
    if (known !== undefined && known.remote.port === port && known.remote.host === host) return known;
    const flow = new UdpFlow(this, remote, remote);
    this.#known[place] = flow;
    return flow;
  }

  #receive(datagram: Uint8Array, port: number, kernelHost: string): void {
    const back = this.flow({ host: kernelHost.includes(":") ? socketHost(kernelHost) : kernelHost, port });
    const source = back.remote;
    if (!this.context.admit(source.host)) return;
    if (isKeepAlive(datagram)) {
      if (isPing(datagram)) this.send(pong, source, undefined);
      return;
    }
    if (isStun(datagram)) {
      const answer = answerStun(datagram, source);
      if (answer !== undefined) this.send(answer, source, undefined);
      return;
    }
    try {
      const message = parseMessage(datagram, "datagram");
      switch (message.type) {
        case "request":
          this.context.deliver.message(message, new UdpFlow(this, source, message));
          return;
        case "response":
          this.context.deliver.message(message, back);
          return;
        case "failure": {
          const { request } = message;
          this.context.deliver.failure(message, new UdpFlow(this, source, request ?? source));
          return;
        }
      }
    } catch (error) {
      this.context.deliver.threw(error, back);
    }
  }

  send(bytes: Uint8Array, target: Address, failed: Failed | undefined): void {
    const refusal = this.#closed ? "the listener is closed" : refusesSending(target);
    if (refusal !== undefined) {
      failLater(failed, refusal, "lost");
      return;
    }
    if (bytes.length > largestDatagram) {
      failLater(failed, "message too large for UDP", "lost");
      return;
    }
    const { tap } = this.context.deliver;
    if (tap !== undefined) tap.sent(bytes, "udp", this.context.localToward(this.local, target.host), target);
    if (this.#backlog.length === 0 && this.#socket.send(bytes, target.port, target.host, failed)) return;
    this.#wait({ bytes, target, failed });
  }

  /** A datagram that went into a batch was refused; `failed` is what `send` was called with. */
  takeBack(bytes: Uint8Array, target: Address, failed: unknown): void {
    this.#wait({ bytes, target, failed: failed as Failed | undefined });
  }

  /** A full buffer, most likely: tried once more at the clock's next tick, in order with what comes meanwhile. */
  #wait(waiting: Waiting): void {
    if (this.#backlog.length >= maxBacklog) {
      failLater(waiting.failed, "the UDP send buffer is full", "lost");
      return;
    }
    if (this.#backlog.length === 0) this.context.clock.after(0, () => this.#retry());
    this.#backlog.push(waiting);
  }

  #retry(): void {
    const waiting = this.#backlog;
    this.#backlog = [];
    for (const { bytes, target, failed } of waiting) {
      if (this.#closed || !this.#socket.send(bytes, target.port, target.host, failed)) {
        failLater(failed, `cannot send to ${formatAddress(target)}`, "lost");
      }
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.turns.clear();
    this.#socket.close();
  }
}

class UdpFlow implements Flow {
  readonly transport = "udp";
  readonly reliable = false;
  readonly remote: Address;
  readonly #udp: UdpTransport;
  #target: Address | Request;

  /** `target`: where to send to, or the request that says where its responses go; it is let go of with the first one. */
  constructor(udp: UdpTransport, remote: Address, target: Address | Request) {
    this.#udp = udp;
    this.remote = remote;
    this.#target = target;
  }

  get local(): Address {
    return this.#udp.context.localToward(this.#udp.local, this.remote.host);
  }

  get id(): string {
    return `udp:${formatAddress(this.#udp.local)}-${formatAddress(this.remote)}`;
  }

  send(bytes: Uint8Array, failed?: Failed): void {
    if (this.#target instanceof Request) this.#target = targetOf(this.#target, this.remote);
    this.#udp.send(bytes, this.#target, failed);
  }
}

function targetOf(request: Request, source: Address): Address {
  if (request.hasPlainestVia()) {
    if (request.asksForRport) return source;
    // Nearly all name the address that they have.
    if (request.isSentBy(source.host))
      return responseTarget({ port: request.sentByPort, params: none }, source, { reliable: false });
  }
  try {
    return responseTarget(request.via, source, { reliable: false });
  } catch {
    // A Via that cannot be read asks for nothing: back to where the request came from.
    return source;
  }
}

const none: ReadonlyMap<string, string> = new Map();

const cr = 0x0d;
const lf = 0x0a;
const pong = Uint8Array.of(cr, lf);
const hello = [0x68, 0x65, 0x6c, 0x6c, 0x6f];

/** What peers send to keep a NAT open: nothing, CRLFs, NULs, or `hello`. */
export function isKeepAlive(datagram: Uint8Array): boolean {
  let end = datagram.length;
  while (end > 0 && isFiller(datagram[end - 1])) end--;
  return end === 0 || (end === hello.length && hello.every((octet, i) => datagram[i] === octet));
}

/** The double CRLF that asks for a single one; RFC 5626 §4.4.1 has it for streams alone, but phones send it here, too. */
function isPing(datagram: Uint8Array): boolean {
  return datagram.length === 4 && datagram[0] === cr && datagram[1] === lf && datagram[2] === cr && datagram[3] === lf;
}

function isFiller(octet: number | undefined): boolean {
  return octet === 0 || octet === cr || octet === lf || octet === 0x20;
}
