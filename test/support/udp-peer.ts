/** A UDP socket that speaks SIP as a test tells it to. */
import {
  buildRequest,
  buildResponse,
  type HeaderList,
  parseMessage,
  Request,
  Response,
} from "../../src/sip/message.ts";
import { bindUdp, type UdpSocket } from "../../src/udp.ts";

const closers: (() => void)[] = [];

/** Closes what tests have opened. */
export function closePeers(): void {
  for (const close of closers.splice(0)) close();
}

/** How long an awaited event may take, in ms: a bound against hanging, never a time to wait. */
export const bound = 4000;

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
    if (Buffer.from(datagram.subarray(0, 4)).toString() === "BYE ") this.#agree(datagram);
    this.#wake?.();
  }

  send(message: Uint8Array | string): void {
    this.#socket.send(typeof message === "string" ? Buffer.from(message, "latin1") : message, this.#to, "127.0.0.1");
  }

  /** Answers a request that came. */
  answer(request: Request, status: number, headers: HeaderList = []): void {
    this.send(buildResponse(request, status, { headers, toTag: unique("t") }).bytes());
  }

  /** Answers a BYE: no test wants to wait for its repetitions. */
  #agree(datagram: Uint8Array): void {
    const bye = parseMessage(datagram, "datagram");
    if (bye instanceof Request) this.send(buildResponse(bye, 200).bytes());
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
      message.header("call-id") === callId &&
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
