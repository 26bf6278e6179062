/** Makes a record of each call when it is over, handled here or forwarded, and gives it to whoever keeps records or listens. */
import type { SessionEnd } from "../agent/index.ts";
import type { Call, CallEvent, Handler } from "../call/index.ts";
import type { CallRecord } from "../control/records.ts";
import type { Log } from "../log.ts";
import type { RtpStats } from "../media/index.ts";
import { type CallRecord as ForwardedCall, type RelayReport, userOf } from "../routing/index.ts";
import type { Clock, Timer } from "../sip/clock.ts";
import type { Flow } from "../sip/flow.ts";
import { decodeUtf8 } from "../sip/text.ts";
import { isSipUri, parseUri, withoutPassword } from "../sip/uri.ts";
import { formatAddress } from "../transport/index.ts";
import type { CallObserver } from "./calls.ts";
import type { QualityMonitor } from "./quality-monitor.ts";
import type { QualityTrack } from "./quality-track.ts";

/** How long a call that is over is waited for, ms: its packets' last count comes from another thread. */
const lastWords = 5000;
/** Forwarded calls that may wait at a time; the record of more is made without their packets. */
const mostWaiting = 10_000;
const longest = 256;

export interface CallRecordParts {
  readonly clock: Clock;
  /** ms since 1970. */
  readonly now: () => number;
  readonly log: Log;
  readonly quality: QualityMonitor;
  /** Whether the media of a forwarded call is relayed. */
  readonly carries: (callId: string) => boolean;
}

/** A call that is up. */
interface Story {
  readonly begin: number;
  readonly handler: string | undefined;
  readonly source: string | undefined;
  readonly track: QualityTrack;
  ring?: number;
  answer?: number;
  over?: { readonly end: SessionEnd; readonly at: number; readonly timer: Timer };
}

type MadeRecord = Omit<CallRecord, "codec" | "quality" | "worstMos">;

export class CallRecords implements CallObserver {
  /** Told of each record. */
  readonly listeners = new Set<(record: CallRecord) => void>();
  readonly #parts: CallRecordParts;
  readonly #stories = new Map<Call, Story>();
  /** Forwarded calls whose packets are still to be told of, by Call-ID. */
  readonly #waiting = new Map<string, { readonly record: MadeRecord; readonly timer: Timer }>();
  /** Packets of relayed calls that nobody has asked for yet, by Call-ID. */
  readonly #relayed = new Map<string, QualityTrack>();

  constructor(parts: CallRecordParts) {
    this.#parts = parts;
  }

  // --- calls that handlers have ---

  began(call: Call, handler: Handler, flow: Flow | undefined): void {
    const { quality, now } = this.#parts;
    const source = flow === undefined ? undefined : `${flow.transport}:${formatAddress(flow.remote)}`;
    this.#stories.set(call, { begin: now(), handler: handler.name, source, track: quality.add(call) });
  }

  happened(call: Call, { name }: CallEvent): void {
    const story = this.#stories.get(call);
    if (story === undefined) return;
    if (name === "RINGING") story.ring ??= this.#parts.now();
    else if (name === "CONNECTED") story.answer ??= this.#parts.now();
  }

  counted(call: Call, stats: RtpStats, last: boolean): void {
    this.#parts.quality.counted(call, stats);
    if (last && this.#stories.get(call)?.over !== undefined) this.#close(call);
  }

  ended(call: Call, end: SessionEnd): void {
    const story = this.#stories.get(call);
    if (story === undefined) return;
    const timer = this.#parts.clock.after(lastWords, () => this.#close(call));
    story.over = { end, at: this.#parts.now(), timer };
    if (call.audio === undefined) this.#close(call);
  }

  #close(call: Call): void {
    const story = this.#stories.get(call);
    if (story?.over === undefined) return;
    this.#stories.delete(call);
    story.over.timer.cancel();
    this.#parts.quality.remove(call);
    this.#tell(handledRecord(call, story, story.over), story.track, call.codec);
  }

  // --- calls that are forwarded ---

  /** A forwarded call is over. */
  forwarded(call: ForwardedCall): void {
    const record = forwardedRecord(call);
    const { callId, caller, callee, status, ending, seconds } = record;
    this.#parts.log.debug("a forwarded call is over", { callId, from: caller, to: callee, status, ending, seconds });
    const known = this.#relayed.get(call.callId);
    this.#relayed.delete(call.callId);
    if (known !== undefined || !this.#parts.carries(call.callId) || this.#waiting.size >= mostWaiting)
      return this.#tell(record, known, undefined);
    const timer = this.#parts.clock.after(lastWords, () => {
      this.#waiting.delete(call.callId);
      this.#tell(record, undefined, undefined);
    });
    this.#waiting.get(call.callId)?.timer.cancel();
    this.#waiting.set(call.callId, { record, timer });
  }

  /** The media of a forwarded call is over. */
  relayEnded({ callId, confirmed, stats }: Pick<RelayReport, "callId" | "confirmed" | "stats">): void {
    const track = this.#parts.quality.relayEnded({ callId, stats });
    const waiting = this.#waiting.get(callId);
    if (waiting !== undefined) {
      this.#waiting.delete(callId);
      waiting.timer.cancel();
      this.#tell(waiting.record, track, undefined);
    } else if (confirmed && track !== undefined && this.#relayed.size < mostWaiting) {
      this.#relayed.set(callId, track);
      this.#parts.clock.after(lastWords, () => this.#relayed.delete(callId));
    }
  }

  /** What is over by now gets its record, though its packets are not all counted. */
  finish(): void {
    for (const call of [...this.#stories.keys()]) this.#close(call);
    for (const { record, timer } of this.#waiting.values()) {
      timer.cancel();
      this.#tell(record, undefined, undefined);
    }
    this.#waiting.clear();
  }

  #tell(made: MadeRecord, track: QualityTrack | undefined, codec: string | undefined): void {
    if (track !== undefined && codec !== undefined) track.codec = codec;
    const quality = track?.now;
    const counted = quality !== undefined && quality.received.packets + quality.sent.packets > 0;
    const record: CallRecord = {
      ...made,
      codec,
      quality: counted ? quality : undefined,
      worstMos: track?.worst ?? leastOf(quality?.received.mos, quality?.sent.mos),
    };
    for (const listener of this.listeners) {
      try {
        listener(record);
      } catch (error) {
        this.#parts.log.error("a call record could not be kept", { reason: String(error) });
      }
    }
  }
}

function leastOf(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

const cut = (text: string) => (text.length > longest ? text.slice(0, longest) : text);

function handledRecord(call: Call, story: Story, over: NonNullable<Story["over"]>): MadeRecord {
  const { id, callId, direction, remoteUri, localUri, remoteUser, localUser, placedBy } = call.facts;
  const incoming = direction === "incoming";
  const { begin, ring, answer, handler, source } = story;
  const { end, at } = over;
  return {
    kind: "handled",
    call: id,
    callId: cut(callId),
    placedBy: placedBy === undefined ? undefined : cut(placedBy),
    direction,
    caller: cut(withoutPassword(incoming ? remoteUri : localUri)),
    callee: cut(withoutPassword(incoming ? localUri : remoteUri)),
    callerUser: cut(incoming ? remoteUser : localUser),
    calleeUser: cut(incoming ? localUser : remoteUser),
    user: undefined,
    source,
    begin,
    ring,
    answer,
    end: at,
    seconds: secondsBetween(answer, at),
    status: answer === undefined ? end.code : 200,
    ending: endingOf(end, incoming, answer !== undefined),
    cause: end.cause,
    handler: handler === undefined ? undefined : cut(handler),
    targets: [],
    security: call.security,
  };
}

function endingOf({ by, cause }: SessionEnd, incoming: boolean, answered: boolean): CallRecord["ending"] {
  if (by === "system") return answered ? "system" : "failed";
  if (!answered) return cause === "cancelled" || cause === "elsewhere" || cause === "hangup" ? "cancelled" : "failed";
  return (by === "remote") === incoming ? "caller" : "callee";
}

function forwardedRecord(call: ForwardedCall): MadeRecord {
  const { callId, caller, callee, user, source, begin, ring, answer, end, targets, status, ending } = call;
  return {
    kind: "forwarded",
    call: undefined,
    callId,
    direction: "incoming",
    caller,
    callee,
    callerUser: userIn(caller),
    calleeUser: userIn(callee),
    user: user === undefined ? undefined : decodeUtf8(user),
    source,
    begin,
    ring,
    answer,
    end,
    seconds: secondsBetween(answer, end),
    status,
    ending,
    cause: undefined,
    handler: undefined,
    targets,
    security: undefined,
  };
}

function secondsBetween(answer: number | undefined, end: number): number {
  return answer === undefined ? 0 : Math.round((end - answer) / 100) / 10;
}

/** One without escapes stands in the URI as it is. */
const plainUser = /^sips?:([\w.!~*'()&=+$,;?/-]+)@/;

function userIn(uri: string): string {
  if (plainUser.test(uri)) return uri.slice(uri.indexOf(":") + 1, uri.indexOf("@"));
  const parsed = parseUri(uri);
  return parsed !== undefined && isSipUri(parsed) ? userOf(parsed) : "";
}
