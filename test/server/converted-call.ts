/** Calls past the gateway with real offers and answers at both ends, and media that moves nothing. */
import { type AgentContext, defaultSettings } from "../../src/agent/index.ts";
import { createLog } from "../../src/log.ts";
import { type MediaEngine, MediaError, type RtpStats } from "../../src/media/index.ts";
import type { Bye, MediaWish } from "../../src/routing/index.ts";
import { Gateway } from "../../src/server/gateway.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import type { Flow } from "../../src/sip/flow.ts";
import { type AudioCodec, OfferAnswer, type SrtpPolicy } from "../../src/sip/offer-answer.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import { type Parts, Phone, request, response } from "../routing/relayed-call.ts";
import { FakeMediaSession } from "../support/fake-media.ts";

export const ourPrint = `sha-256 ${Array.from({ length: 32 }, () => "AB").join(":")}`;
const theirPrint = `sha-256 ${Array.from({ length: 32 }, () => "CD").join(":")}`;

/** A flow of another transport than UDP. */
class Way extends Phone {
  override readonly transport: Flow["transport"];
  constructor(host: string, transport: Flow["transport"]) {
    super(host);
    this.transport = transport;
  }
}

/** Somebody with a way to us, and offers and answers of his own. */
export class Party {
  readonly flow: Way;
  readonly tag: string;
  readonly offerAnswer: OfferAnswer;
  readonly #local: { host: string; port: number; rtcpPort: number };

  constructor(tag: string, kind: "page" | "phone" | "tls phone", codecs: readonly AudioCodec[]) {
    const host = `198.51.100.${tag.charCodeAt(0)}`;
    this.tag = tag;
    this.flow = new Way(host, kind === "page" ? "ws" : kind === "phone" ? "udp" : "tls");
    this.#local = { host, port: 4000, rtcpPort: 4001 };
    const random = seededRandom(tag.charCodeAt(0));
    const credentials = () => ({ ufrag: random.token(4), pwd: random.token(16) });
    this.offerAnswer = new OfferAnswer({
      codecs,
      telephoneEvent: true,
      sessionId: "1",
      ...(kind === "page" && { webRtc: { fingerprint: theirPrint, credentials, offer: true } }),
      ...(kind === "tls phone" && {
        srtp: {
          policy: "required" as const,
          key: (octets: number) => Buffer.from(random.token(octets), "hex").toString("base64"),
        },
      }),
    });
  }

  offer(direction: "sendrecv" | "sendonly" | "inactive" = "sendrecv"): string {
    const offer = this.offerAnswer.offer(this.#local, direction);
    if (!offer.ok) throw new TypeError(offer.reason);
    return offer.sdp;
  }

  /** @throws TypeError where it would be refused */
  answer(sdp: string, unreliable = false): string {
    if (this.offerAnswer.state === "stable") {
      const taken = this.offerAnswer.receiveOffer(sdp);
      if (!taken.ok) throw new TypeError(taken.reason);
    }
    return this.offerAnswer.answer(this.#local, unreliable ? "unreliable" : "reliable")?.sdp ?? "";
  }

  /** How its media stands: `sendrecv opus`, or why it takes no answer. */
  take(sdp: string, unreliable = false): string {
    const taken = this.offerAnswer.receiveAnswer(sdp, unreliable ? "unreliable" : "reliable");
    return taken.ok ? this.media : taken.reason;
  }

  get media(): string {
    const { direction, codec, dtmfClockRate = 8000 } = this.offerAnswer.negotiated ?? {};
    return `${direction} ${codec}${dtmfClockRate === 8000 ? "" : ` ${dtmfClockRate}`}`;
  }
}

const stats = (receivedPackets: number): RtpStats => ({
  ...{ sentPackets: 0, sentOctets: 0, receivedPackets, receivedOctets: 0, lost: 0, jitter: 0 },
  ...{ roundTrip: undefined, remoteLost: undefined, remoteJitter: undefined, dropped: 0 },
});

/** Media whose sessions say how many packets they have got. */
class CountedSession extends FakeMediaSession {
  packets = 0;
  closed = false;
  override count(): void {
    this.listener({ type: "counted", stats: stats(this.packets) });
  }
  override close(): void {
    if (this.closed) return;
    this.closed = true;
    this.listener({ type: "closed", stats: stats(this.packets) });
  }
}

export function setup(
  codecs: readonly AudioCodec[] = ["opus", "PCMU", "PCMA"],
  most = 100,
  encrypted: SrtpPolicy = "required",
) {
  const clock = new VirtualClock();
  const random = seededRandom(7);
  const sessions: CountedSession[] = [];
  const lines: string[] = [];
  const byes: Bye[] = [];
  const log = createLog({ level: "debug", format: "pretty", write: (line) => void lines.push(line) });
  const media: MediaEngine = {
    open() {
      if (sessions.length >= most) throw new MediaError("no-ports", "all media ports are in use");
      const session = new CountedSession();
      sessions.push(session);
      return session;
    },
    close: () => Promise.resolve(),
    stats: { sessions: 0, free: most, pairs: most, restarts: 0 },
  };
  const context: AgentContext = {
    clock,
    random,
    log,
    settings: { ...defaultSettings, codecs, dtlsFingerprint: ourPrint, srtp: { encrypted, clear: "off" } },
    ways: {
      viaFor: (flow) => ({ transport: "UDP", host: flow.local.host, port: 5060 }),
      contactFor: () => "203.0.113.7",
      flowTo: () => {
        throw new TypeError("nobody is called");
      },
    },
    transactions: new TransactionLayer({
      clock,
      random,
      user: { request: () => {}, ack: () => {}, cancel: () => {}, strayResponse: () => {} },
    }),
    sessions: new Map(),
  };
  const gateway = new Gateway({ context, media, transport: { isOwn: (host) => host === "203.0.113.7" }, most: 30 });
  gateway.bye = (bye) => void byes.push(bye);
  const text = (result: { body?: Uint8Array | undefined } | { status: number } | undefined): string => {
    if (result === undefined) return "not ours";
    if ("status" in result) return String(result.status);
    return result.body === undefined ? "untouched" : Buffer.from(result.body).toString("latin1");
  };
  const { calls } = gateway;
  /** The INVITE of one for another, as the other gets it; `untouched` where it needs no conversion. */
  const invites = (
    from: Party,
    to: Party,
    body: string,
    branch = "s1",
    wish: MediaWish = "auto",
    parts: Parts = {},
  ) => {
    const invite = request({ from: from.tag, body, ...parts });
    const profiles = calls.conversion(invite, from.flow, to.flow, wish);
    return profiles === undefined ? "untouched" : text(calls.begin(invite, from.flow, to.flow, branch, profiles));
  };
  /** A request of one within the dialog, as the other gets it. */
  const asks = (from: Party, to: Party, method: string, branch: string, body = "", parts: Parts = {}) =>
    text(calls.request(request({ method, from: from.tag, to: to.tag, body, ...parts }), from.flow, to.flow, branch));
  /** A response of one to what `asked` has asked, as that one gets it. */
  const answers = (who: Party, asked: Party, status: number, branch: string, body = "", parts: Parts = {}) =>
    text(calls.response(response(status, { from: asked.tag, to: who.tag, body, ...parts }), who.flow, branch));
  /** A call that is up: its INVITE on branch s1. */
  const call = (from: Party, to: Party) => {
    const contact = ({ tag, flow }: Party) => ({ headers: [`Contact: <sip:${tag}@${flow.remote.host}>`] });
    const offered = invites(from, to, from.offer(), "s1", "auto", contact(from));
    const taken = from.take(answers(to, from, 200, "s1", to.answer(offered), contact(to)));
    asks(from, to, "ACK", "s1");
    return taken;
  };
  return { gateway, calls, clock, sessions, byes, lines, invites, asks, answers, call };
}
