/**
 * Converts the media of proxied calls whose sides could not understand each other: a browser's WebRTC, a phone's SRTP or RTP.
 * Signalling stays the proxy's; each side agrees with us on its media, by the offers and answers that the other one causes.
 *
 * A call is known by its Call-ID, and in it a dialog by its tags. Each branch of a forked INVITE has media of its own on
 * both sides, so that each early dialog does.
 */
import type { Log } from "../log.ts";
import type { Clock, Timer } from "../sip/clock.ts";
import { MalformedHeader } from "../sip/errors.ts";
import type { Flow } from "../sip/flow.ts";
import type { Message, Request, Response } from "../sip/request-response.ts";
import { type Bye, DialogEnds } from "./dialog-ends.ts";
import { GatewayLeg } from "./media-gateway-leg.ts";
import type { GatewayBackend, GatewayEnd, MediaGateway } from "./media-gateway-seam.ts";
import { conversionOf, type MediaProfile, type MediaWish, type Profiles, profileOn } from "./media-profile.ts";
import type { RelayCount, RelayedBody, RelayRefusal } from "./media-relay-seam.ts";

export interface CallGatewayOptions {
  readonly backend: GatewayBackend;
  readonly clock: Clock;
  readonly log: Log;
  /** Is it an address of this server's SIP? */
  readonly isOwn: (host: string, port: number | undefined) => boolean;
  /** Sends a BYE to one end of a call whose media has ended. */
  readonly bye: (bye: Bye) => void;
  /** What those speak that are reached by TLS. */
  readonly secure: () => MediaProfile;
  /** ms for which nothing may come from either side; 300,000 before the answer, then 60,000, and on hold 3,600,000 by default. */
  readonly timeouts?: { readonly setup?: number; readonly media?: number; readonly hold?: number } | undefined;
  /** Branches of one call that have media at once; 16 by default. */
  readonly maxBranches?: number | undefined;
  /** Is told of each converted dialog or branch that is over. */
  readonly ended?: ((report: GatewayReport) => void) | undefined;
}

/** One converted dialog or branch of a call. */
export interface GatewayReport {
  readonly callId: string;
  /** Whether it was answered by a 2xx. */
  readonly confirmed: boolean;
  readonly reason: GatewayEnd | "timeout" | "stopped";
  /** ms since it began. */
  readonly age: number;
  readonly sessions: readonly number[];
  /** What was counted in all: told when both sides have ended. */
  readonly stats: Promise<{ readonly a: RelayCount; readonly b: RelayCount }>;
}

/** What the gateway holds now. */
export interface ConvertedCall {
  readonly callId: string;
  readonly confirmed: boolean;
  readonly age: number;
  readonly profiles: Profiles;
  readonly sessions: readonly number[];
  readonly a: RelayCount;
  readonly b: RelayCount;
}

interface Entry {
  readonly leg: GatewayLeg;
  readonly ends: DialogEnds;
  readonly profiles: Profiles;
  readonly since: number;
  /** Packets when it was looked at last, and since when there are no more. */
  packets: number;
  quietSince: number;
  reason: GatewayReport["reason"] | undefined;
}

const untouched: RelayedBody = {};
const unavailable: RelayRefusal = { status: 503, reason: "No Media Ports" };
/** Methods whose requests, or responses, carry offers and answers (RFC 6337 §2), and BYE. */
const describing = new Set(["INVITE", "ACK", "PRACK", "UPDATE", "BYE"]);
/** Why we hang up (RFC 3326; causes of RFC 3261 and Q.850). */
const reasons: Readonly<Record<Exclude<GatewayReport["reason"], "closed">, string>> = {
  gone: 'SIP;cause=408;text="Media is gone"',
  timeout: 'SIP;cause=408;text="Media timed out"',
  failed: 'SIP;cause=500;text="Media failed"',
  stopped: 'SIP;cause=503;text="Server stopped"',
};
/** ms between two looks at who is silent. */
const sweepEvery = 15_000;

export class CallGateway implements MediaGateway {
  readonly #options: CallGatewayOptions;
  /** By Call-ID. Bounded, as each has media ports. */
  readonly #calls = new Map<string, Entry[]>();
  #sweep: Timer | undefined;

  constructor(options: CallGatewayOptions) {
    this.#options = options;
  }

  /** Converted dialogs and branches. */
  get size(): number {
    let size = 0;
    for (const entries of this.#calls.values()) size += entries.length;
    return size;
  }

  /** Whether media of this call is converted. */
  carries(callId: string): boolean {
    return this.#calls.has(callId);
  }

  /** What has been counted of the converted calls, or of the first `most` of them. */
  list(most = 1000): Promise<ConvertedCall[]> {
    const entries = [...this.#calls.values()].flat().slice(0, most);
    const now = this.#options.clock.now();
    return Promise.all(
      entries.map(async ({ leg: { callId, confirmed, session }, profiles, since }) => ({
        ...{ callId, confirmed, profiles, age: now - since, sessions: session.sessions ?? [] },
        ...(await session.stats()),
      })),
    );
  }

  conversion(invite: Request, from: Flow, to: Flow, wish: MediaWish): Profiles | undefined {
    return conversionOf(invite, from, to, wish, this.#options.secure());
  }

  begin(invite: Request, from: Flow, to: Flow, branch: string, profiles: Profiles): RelayedBody | RelayRefusal {
    return this.#guarded(invite, untouched, () => {
      const { callId } = invite;
      const entries = this.#calls.get(callId) ?? [];
      if (entries.length >= (this.#options.maxBranches ?? 16)) return unavailable;
      const session = this.#options.backend.open(
        { flow: from, profile: profiles.a, direct: invite.values("via").length === 1 },
        { flow: to, profile: profiles.b, direct: false },
      );
      if (session === undefined) return unavailable;
      const leg = new GatewayLeg(callId, invite.from.tag ?? "", branch, session, this.#options.log);
      if (invite.to.tag !== undefined) leg.resume(invite.to.tag);
      const result = leg.request(invite, branch, "a");
      if ("status" in result) {
        this.#options.log.info("an offer cannot be converted", { callId, reason: result.reason });
        session.close();
        return result;
      }
      const since = this.#options.clock.now();
      const ends = new DialogEnds(invite, from, this.#options.isOwn);
      const entry: Entry = { leg, ends, profiles, since, packets: 0, quietSince: since, reason: undefined };
      session.ended = (why) => this.#over(entry, why);
      this.#calls.set(callId, [...entries, entry]);
      this.#arm();
      return result;
    });
  }

  request(request: Request, from: Flow, _to: Flow, branch: string): RelayedBody | RelayRefusal | undefined {
    return this.#guarded<RelayedBody | RelayRefusal | undefined>(request, untouched, () => {
      const fromTag = request.from.tag ?? "";
      const toTag = request.to.tag ?? "";
      const there = (this.#calls.get(request.callId) ?? []).flatMap((entry) => {
        const by = entry.leg.sideOf(fromTag, toTag);
        return by === undefined ? [] : [{ entry, by }];
      });
      // Another proxy may have sent the call past us a second time: each time its sides are others.
      const expected = profileOn(from, this.#options.secure());
      const found = there.find(({ entry, by }) => entry.profiles[by] === expected) ?? there[0];
      if (found === undefined) return undefined;
      const { entry, by } = found;
      const { leg } = entry;
      entry.ends.passes(request, by, from);
      if (!describing.has(request.method)) return untouched;
      const result = leg.request(request, branch, by);
      if ("status" in result)
        this.#options.log.info("an offer cannot be converted", {
          ...{ callId: leg.callId, reason: result.reason, from: from.remote.host },
        });
      return result;
    });
  }

  response(response: Response, from: Flow, branch: string): RelayedBody | undefined {
    return this.#guarded<RelayedBody | undefined>(response, undefined, () => {
      const entry = this.#entryOf(response.callId, branch);
      const exchange = entry?.leg.exchange(branch);
      if (entry === undefined || exchange === undefined) return undefined;
      const { leg, ends } = entry;
      const { status } = response;
      if (exchange.method === "BYE") {
        // One that was only challenged has ended nothing.
        if (status < 300 ? status >= 200 : status === 408 || status === 481)
          this.#bye(leg, branch, exchange.by, response);
        return untouched;
      }
      if (status >= 200 && status < 300 && branch === leg.branch) ends.answered(response, from);
      const result = leg.response(response, branch);
      if (status >= 300) this.#failed(leg, branch);
      return result;
    });
  }

  ended(message: Message, branch: string): void {
    this.#guarded(message, undefined, () => {
      const leg = this.#entryOf(message.callId, branch)?.leg;
      if (leg === undefined) return;
      const method = leg.exchange(branch)?.method;
      leg.fail(branch);
      // Who says BYE is gone, be it that nobody hears it.
      if (method === "BYE") leg.session.close();
      else this.#failed(leg, branch);
    });
  }

  /** Ends all. */
  close(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    for (const entry of [...this.#calls.values()].flat()) {
      entry.reason ??= "stopped";
      entry.leg.session.close();
    }
  }

  /** Headers that cannot be read were refused before; should one be left, the message is let be. */
  #guarded<T>(message: Message, otherwise: T, act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof MalformedHeader)) throw error;
      this.#options.log.debug("a message's media is not converted", {
        ...{ reason: error.message, bytes: message.body.length },
      });
      return otherwise;
    }
  }

  #entryOf(callId: string, branch: string): Entry | undefined {
    return this.#calls.get(callId)?.find(({ leg }) => leg.branch === branch || leg.exchange(branch) !== undefined);
  }

  #failed(leg: GatewayLeg, branch: string): void {
    if (branch === leg.branch && !leg.confirmed) leg.session.close();
  }

  #bye(leg: GatewayLeg, branch: string, by: "a" | "b", response: Response): void {
    leg.fail(branch);
    const callee = by === "a" ? response.to.tag : response.from.tag;
    // Where another proxy has forked, one callee of several may be gone.
    if (callee !== undefined && leg.calleeTags.size > 1 && leg.calleeTags.delete(callee)) return;
    leg.session.close();
  }

  #over(entry: Entry, why: GatewayEnd): void {
    const { callId, confirmed, agreed } = entry.leg;
    const left = this.#calls.get(callId)?.filter((each) => each !== entry) ?? [];
    if (left.length > 0) this.#calls.set(callId, left);
    else this.#calls.delete(callId);
    if (this.#calls.size === 0) {
      this.#sweep?.cancel();
      this.#sweep = undefined;
    }
    const reason = entry.reason ?? why;
    if (reason !== "closed" && confirmed && agreed) {
      this.#options.log.info("a converted call's media is over, and so is the call", { callId, reason });
      for (const bye of entry.ends.byes(reasons[reason])) this.#options.bye(bye);
    }
    const { session } = entry.leg;
    const age = this.#options.clock.now() - entry.since;
    const { ended } = this.#options;
    ended?.({ callId, confirmed, reason, age, sessions: session.sessions ?? [], stats: session.stats() });
  }

  #arm(): void {
    this.#sweep ??= this.#options.clock.after(sweepEvery, () => {
      this.#sweep = undefined;
      for (const entry of [...this.#calls.values()].flat()) void this.#look(entry);
      if (this.#calls.size > 0) this.#arm();
    });
  }

  /** Ends a call that nothing comes of any more. */
  async #look(entry: Entry): Promise<void> {
    const { leg } = entry;
    const { a, b } = await leg.session.stats();
    const now = this.#options.clock.now();
    const packets = a.packets + b.packets;
    if (packets !== entry.packets) {
      entry.packets = packets;
      entry.quietSince = now;
      return;
    }
    const { setup = 300_000, media = 60_000, hold = 3_600_000 } = this.#options.timeouts ?? {};
    if (now - entry.quietSince < (!leg.confirmed ? setup : leg.flows ? media : hold)) return;
    entry.reason ??= "timeout";
    entry.leg.session.close();
  }
}
