/** A user agent in virtual time, whose DNS says what the test says, with a wire to each server of a name. */
import { invite, type Session } from "../../src/agent/index.ts";
import { type Message, Request } from "../../src/sip/message.ts";
import type { SipUri } from "../../src/sip/uri.ts";
import type { Hop, Resolution } from "../../src/transport/resolve/index.ts";
import { AgentBench } from "./agent.ts";
import { FakeFlow, parsed } from "./fake-flow.ts";

export const hop = (host: string, port = 5060): Hop => ({ transport: "udp", host, port });
/** What the DNS says of any name, unless it is told otherwise. */
export const [first, second, third] = [hop("192.0.2.11"), hop("192.0.2.12"), hop("192.0.2.13")];

class HopFlow extends FakeFlow {
  override readonly remote;
  override readonly local;
  constructor(to: Hop) {
    super(to.transport, `${to.transport}-${to.host}-${to.port}`);
    this.remote = { host: to.host, port: to.port };
    this.local = { host: to.host.includes(":") ? "2001:db8::100" : "192.0.2.1", port: 5060 };
  }
}

export class ServersOfAName {
  readonly bench: AgentBench;
  readonly wires = new Map<string, HopFlow>();
  /** What became of hops, as the resolver was told. */
  readonly told: string[] = [];
  /** Undefined: the DNS is out. */
  resolution: Resolution | undefined = { ok: true, hops: [first, second, third] };
  #waiting: ((resolution: Resolution) => void)[] = [];
  readonly audio: string[] = [];

  constructor() {
    this.bench = new AgentBench(
      {},
      {
        ways: {
          flowTo: (target) => this.wire(target),
          viaFor: (flow) => ({
            transport: flow.transport === "udp" ? "UDP" : "TCP",
            host: flow.local.host,
            port: flow.local.port,
          }),
          contactFor: (flow) =>
            `${flow.local.host.includes(":") ? `[${flow.local.host}]` : flow.local.host}:5060${flow.transport === "udp" ? "" : `;transport=${flow.transport}`}`,
        },
        resolver: {
          resolve: (uri, done) => this.#resolve(uri, done),
          failed: (failed, pause) => this.told.push(`${failed.host} failed${pause === undefined ? "" : ` ${pause}`}`),
          worked: (worked) => this.told.push(`${worked.host} worked`),
        },
      },
    );
  }

  #resolve(uri: SipUri, done: (resolution: Resolution) => void): void {
    if (/^[\d.]+$/.test(uri.host)) done({ ok: true, hops: [hop(uri.host, uri.port ?? 5060)] });
    else if (this.resolution === undefined) this.#waiting.push(done);
    else done(this.resolution);
  }

  resolved(resolution: Resolution): void {
    this.resolution = resolution;
    for (const done of this.#waiting.splice(0)) done(resolution);
  }

  wire(target: Hop): HopFlow {
    const made = new HopFlow(target);
    const known = this.wires.get(made.id) ?? made;
    this.wires.set(made.id, known);
    return known;
  }

  call(uri = "sip:bob@example.com"): Session {
    const session = invite(this.bench.context, { uri }, (made) => {
      const user = this.bench.adopt(made);
      user.openedAudio = (host) => this.audio.push(host);
      return user;
    });
    if ("failure" in session) throw new TypeError(session.failure);
    return session;
  }

  /** What was sent to a hop since the last look. */
  at(one: Hop): Message[] {
    return this.wire(one).takeMessages();
  }

  /** The methods of the same: nothing else is sent here. */
  seen(one: Hop): string[] {
    return this.at(one).map((message) => (message instanceof Request ? message.method : "a response"));
  }

  invitedAt(one: Hop): Request {
    const [message, ...others] = this.at(one);
    if (!(message instanceof Request) || message.method !== "INVITE" || others.length > 0)
      throw new TypeError(`one INVITE was expected at ${one.host}`);
    return message;
  }

  reply(one: Hop, request: Request, status: number, parts: { body?: string; headers?: string[]; tag?: string } = {}) {
    const { body = "", headers = [], tag = `at-${one.host}` } = parts;
    const to = request.header("to") ?? "";
    const message = parsed(
      [
        `SIP/2.0 ${status} Whatever`,
        `Via: ${request.header("via")}`,
        `From: ${request.header("from")}`,
        `To: ${to}${status === 100 || /;tag=/.test(to) ? "" : `;tag=${tag}`}`,
        `Call-ID: ${request.callId}`,
        `CSeq: ${request.header("cseq")}`,
        `Contact: <sip:bob@${one.host}>`,
        ...headers,
        ...(body === "" ? [] : ["Content-Type: application/sdp"]),
        `Content-Length: ${body.length}`,
        "",
        body,
      ].join("\r\n"),
    );
    this.bench.context.transactions.receive(message, this.wire(one));
  }
}
