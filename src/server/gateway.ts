/** Converts the media of proxied calls in the media worker: two sessions that hear each other, one for each side of a call. */
import dns from "node:dns/promises";
import {
  type AgentContext,
  familyOf,
  isSecure,
  localMediaOn,
  sessionId,
  srtpOptions,
  webRtcOn,
} from "../agent/index.ts";
import { configurationOf } from "../call/index.ts";
import type { StatusRelay } from "../control/status.ts";
import { type MediaEngine, MediaError, type MediaEvent, type MediaSession, type RtpStats } from "../media/index.ts";
import {
  type Bye,
  CallGateway,
  type GatewayBackend,
  type GatewayEnd,
  type GatewayMedia,
  type GatewaySession,
  type GatewaySide,
  type MediaProfile,
  type RelayCount,
  type RelayReport,
} from "../routing/index.ts";
import { type LocalMedia, type Negotiated, OfferAnswer, type SrtpPolicy } from "../sip/offer-answer.ts";
import { isIpLiteral, type TransportLayer } from "../transport/index.ts";

/** What was counted of a converted call, as of one whose media is relayed. */
export type CountedCall = Omit<RelayReport, "reason"> & { readonly sessions: readonly number[] };

/** What phones that are reached by TLS speak. */
const secureProfiles: Readonly<Record<SrtpPolicy, MediaProfile>> = {
  required: "srtp",
  dtls: "dtls",
  optional: "plain",
  off: "plain",
};

/** Keys that one side presses are given to the other under this number. */
const pressed = 0;

/** ms that the last counts of a call may take. */
const lastWords = 3000;

export interface GatewayParts {
  readonly context: AgentContext;
  readonly media: MediaEngine;
  readonly transport: Pick<TransportLayer, "isOwn">;
  /** Calls that are converted at a time, and branches of calls that ring. */
  readonly most: number;
}

/** The gateway of the proxies. */
export class Gateway {
  readonly calls: CallGateway;
  /** Ends a call whose media has ended. */
  bye: (bye: Bye) => void = () => {};
  /** Told when there is a call whose media is converted. */
  begun: () => void = () => {};
  /** Told of each converted dialog, or branch that may have become one, that is over, once its packets are counted. */
  ended: (report: CountedCall) => void = () => {};

  /** Calls that are over, and whose packets are being counted. */
  readonly #ending = new Set<string>();

  constructor(parts: GatewayParts) {
    const { clock, log, settings } = parts.context;
    this.calls = new CallGateway({
      backend: new Pairs(parts, {
        hasRoom: () => this.size < parts.most,
        begun: () => this.begun(),
      }),
      isOwn: (host, port) => parts.transport.isOwn(host, port),
      bye: (bye) => this.bye(bye),
      ended: ({ callId, confirmed, age, sessions, stats }) => {
        this.#ending.add(callId);
        // A worker that has died tells nothing.
        const late = clock.after(lastWords, () => void this.#ending.delete(callId));
        void stats.then((line) => {
          late.cancel();
          this.#ending.delete(callId);
          this.ended({ callId, confirmed, sessions, stats: { age, lines: [line] } });
        });
      },
      clock,
      log,
      secure: () => secureProfiles[settings.srtp.encrypted],
    });
  }

  /** Converted dialogs, and branches that ring. */
  get size(): number {
    return this.calls.size;
  }

  /** Whether media of this call is converted, or was and is still being counted. */
  carries(callId: string): boolean {
    return this.calls.carries(callId) || this.#ending.has(callId);
  }

  /** What has been counted of the dialogs that are converted now. */
  async counts(): Promise<CountedCall[]> {
    const calls = await this.calls.list(Number.POSITIVE_INFINITY);
    return calls.map(({ callId, confirmed, sessions, age, a, b }) => {
      return { callId, confirmed, sessions, stats: { age, lines: [{ a, b }] } };
    });
  }

  /** At most `limit`. */
  async list(limit: number): Promise<StatusRelay[]> {
    return (await this.calls.list(limit)).map(({ callId, age, a, b }) => ({
      callId,
      age: Math.round(age / 1000),
      packets: [a.packets, b.packets],
      lost: [a.lost, b.lost],
    }));
  }

  close(): void {
    this.calls.close();
  }
}

interface PairsUser {
  hasRoom(): boolean;
  begun(): void;
}

class Pairs implements GatewayBackend {
  readonly #parts: GatewayParts;
  readonly #user: PairsUser;
  #opened = 0;

  constructor(parts: GatewayParts, user: PairsUser) {
    this.#parts = parts;
    this.#user = user;
  }

  open(a: GatewaySide, b: GatewaySide): GatewaySession | undefined {
    if (!this.#user.hasRoom()) return undefined;
    this.#user.begun();
    const sideA = this.#side(a, "asks");
    if (sideA === undefined) return undefined;
    const sideB = this.#side(b, "is asked");
    if (sideB !== undefined) return new Pair(sideA, sideB, `gateway ${++this.#opened}`);
    sideA.audio.close();
    return undefined;
  }

  #side(side: GatewaySide, part: Part): Side | undefined {
    const { context, media } = this.#parts;
    try {
      return new Side(context, side, part, media.open({ host: side.flow.local.host }));
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      context.log.warn("a call's media cannot be converted", { reason: error.message });
      return undefined;
    }
  }
}

/** Whether a side has begun the call. */
type Part = "asks" | "is asked";

class Side implements GatewayMedia {
  readonly offerAnswer: OfferAnswer;
  readonly local: LocalMedia;
  readonly audio: MediaSession;
  readonly #context: AgentContext;
  readonly #flow: GatewaySide["flow"];
  #negotiated: Negotiated | undefined;
  readonly #counts: ((stats: RtpStats) => void)[] = [];

  constructor(context: AgentContext, side: GatewaySide, part: Part, audio: MediaSession) {
    const { flow, profile, direct } = side;
    this.#context = context;
    this.#flow = flow;
    this.audio = audio;
    this.local = localMediaOn(context, flow, audio);
    const webRtc = webRtcOn(context, flow, profile === "dtls" ? "dtls" : undefined);
    const byDtls = profile === "webrtc" || profile === "dtls";
    this.offerAnswer = new OfferAnswer({
      codecs: context.settings.codecs,
      telephoneEvent: true,
      sessionId: sessionId(context),
      // Who called us directly can be heard where it called from, whatever address its SDP names.
      families: direct ? ["ipv4", "ipv6"] : [familyOf(flow.local.host)],
      srtp: srtpOptions(context, flow, policyOf(context, side, part)),
      webRtc: byDtls && webRtc !== undefined ? { ...webRtc, offer: true } : undefined,
    });
  }

  configure(negotiated: Negotiated): void {
    this.#negotiated = negotiated;
    const remote = this.#reachable(negotiated.remote);
    if (remote === undefined || isIpLiteral(remote.host)) return this.#configure(negotiated, remote);
    this.#configure(negotiated, undefined);
    dns.lookup(remote.host, { family: remote.family === "ipv4" ? 4 : 6 }).then(
      ({ address: host }) => {
        if (this.#negotiated === negotiated) this.#configure(negotiated, { ...remote, host });
      },
      () =>
        this.#context.log.warn("a converted call's media address is a name that is not known", { host: remote.host }),
    );
  }

  #configure(negotiated: Negotiated, remote: Negotiated["remote"]): void {
    this.audio.configure(configurationOf(negotiated, remote));
  }

  /** A phone with addresses of both families names one of them and calls over the other: our media has that of the call. */
  #reachable(remote: Negotiated["remote"]): Negotiated["remote"] {
    const family = familyOf(this.#flow.local.host);
    if (remote === undefined || remote.family === family) return remote;
    return { ...remote, family, host: this.#flow.remote.host };
  }

  count(): Promise<RtpStats> {
    const { promise, resolve } = Promise.withResolvers<RtpStats>();
    this.#counts.push(resolve);
    this.audio.count();
    return promise;
  }

  /** Whoever has asked is told. */
  counted(stats: RtpStats): void {
    for (const tell of this.#counts.splice(0)) tell(stats);
  }
}

/**
 * How a side's stream is protected. Over TLS as the settings say; over what everybody can read keys are sent where they or a
 * route ask for it.
 */
function policyOf({ settings }: AgentContext, { flow, profile }: GatewaySide, part: Part): SrtpPolicy {
  const usual = isSecure(flow) ? settings.srtp.encrypted : settings.srtp.clear;
  if (profile === "webrtc" || profile === "dtls") return "required";
  if (part === "asks") return profile === "srtp" && usual === "optional" ? "required" : usual;
  if (profile === "srtp") return "required";
  return usual === "optional" ? usual : "off";
}

class Pair implements GatewaySession {
  readonly a: Side;
  readonly b: Side;
  ended: (why: GatewayEnd) => void = () => {};
  #over = false;

  get sessions(): number[] {
    return [this.a.audio.id, this.b.audio.id].filter((id) => id !== undefined);
  }

  constructor(a: Side, b: Side, room: string) {
    this.a = a;
    this.b = b;
    for (const [side, other] of [
      [a, b],
      [b, a],
    ] as const) {
      side.audio.listener = (event) => this.#heard(event, side, other);
      side.audio.join(room);
    }
  }

  #heard(event: MediaEvent, side: Side, other: Side): void {
    switch (event.type) {
      case "dtmf":
        // A tone goes through with the sound: it is not to be heard twice.
        if (event.inSound !== true) other.audio.dtmf(pressed, event.digit);
        return;
      case "counted":
        return side.counted(event.stats);
      case "gone":
        return this.#end("gone");
      case "closed":
        side.counted(event.stats);
        if (event.error !== undefined) this.#end("failed");
    }
  }

  async stats(): Promise<{ a: RelayCount; b: RelayCount }> {
    const [a, b] = await Promise.all([this.a.count(), this.b.count()]);
    return { a: countOf(a), b: countOf(b) };
  }

  close(): void {
    this.#end("closed");
  }

  #end(why: GatewayEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.a.audio.close();
    this.b.audio.close();
    this.ended(why);
  }
}

function countOf({ receivedPackets, receivedOctets, lost, jitter, dropped }: RtpStats): RelayCount {
  return { packets: receivedPackets, octets: receivedOctets, lost, jitter, dropped, rtcpPackets: 0, idle: undefined };
}
