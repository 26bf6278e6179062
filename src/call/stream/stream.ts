/**
 * A call's stream: joins a tap of its audio and a connection to a program of the user's. Sound is played at the call's own
 * pace; marks tell the program how far it was heard.
 */
import type { MediaSession, MediaTap } from "../../media/index.ts";
import type { Timer } from "../../sip/clock.ts";
import type { Attachment } from "../attachment.ts";
import type { Call } from "../call.ts";
import { openAudioSocket } from "./audiosocket.ts";
import type { StreamConnection, StreamStart } from "./connection.ts";
import { type StreamTarget, tapSettings } from "./target.ts";
import { openWebSocket } from "./websocket.ts";

/** How a stream ended: `failed` when the program could not be reached or the connection was lost. */
export interface StreamEnd {
  readonly reason: "program" | "handler" | "failed";
  /** In words, where it failed. */
  readonly why: string;
}

/** How long a connection may take, ms. */
const connectTime = 10_000;
/** Sound between two marks of our own, and how much may wait before the program is not read any further, ms. */
const stride = 500;
const enough = 4000;
/** Keys of the program's that are being pressed. */
const maxPresses = 8;

export class Stream implements Attachment {
  readonly #call: Call;
  readonly #audio: MediaSession;
  readonly #start: StreamStart;
  readonly #ended: (end: StreamEnd) => void;
  readonly #connection: StreamConnection;
  readonly #connecting: Timer;
  #tap: MediaTap | undefined;
  /** Marks that wait, by number: the program's by their names, our own without. */
  readonly #marks = new Map<number, { name: string } | { octets: number } | "end">();
  #lastMark = 0;
  /** Octets since our last mark, and all that wait to be played. */
  #unmarked = 0;
  #waiting = 0;
  #presses = 0;
  #over = false;

  /** @param ended called once, when the stream is over other than with its call */
  constructor(
    call: Call,
    audio: MediaSession,
    target: StreamTarget,
    start: StreamStart,
    ended: (end: StreamEnd) => void,
  ) {
    this.#call = call;
    this.#audio = audio;
    this.#start = start;
    this.#ended = ended;
    this.#connecting = call.clock.after(connectTime, () =>
      this.#lost("the program cannot be reached: it takes too long"),
    );
    const events = {
      open: () => this.#open(),
      sound: (sound: Uint8Array) => this.#play(sound),
      mark: (name: string) => this.#mark({ name }),
      clear: () => this.#tap?.clear(),
      digits: (digits: string) => this.#press(digits),
      told: (text: string) => this.#call.emit({ name: "TOLD", text }),
      stopped: () => this.#mark("end"),
      lost: (reason: string) => this.#lost(reason),
    };
    this.#connection =
      target.dialect === "websocket" ? openWebSocket(target, start, events) : openAudioSocket(target, start, events);
  }

  /** Ends it at once: the handler's wish. */
  stop(): void {
    this.#end({ reason: "handler", why: "" }, "the call's handler ended the stream");
  }

  digit(digit: string, duration: number): void {
    this.#connection.digit(digit, duration);
  }

  /** The call is over, and its audio with it. */
  over(): void {
    this.#release("the call has ended");
  }

  #open(): void {
    if (this.#over) return;
    this.#connecting.cancel();
    this.#tap = this.#audio.tap(tapSettings(this.#start.format), {
      sound: (sound) => this.#connection.sound(sound),
      mark: (id, cleared) => this.#reached(id, cleared),
      overflow: () => this.#connection.error("two minutes of sound wait to be played: what comes now is lost"),
    });
    this.#call.emit({ name: "STREAMING" });
  }

  #play(sound: Uint8Array): void {
    this.#tap?.write(sound);
    this.#waiting += sound.length;
    this.#unmarked += sound.length;
    if (this.#unmarked < (this.#enough * stride) / enough) return;
    this.#mark({ octets: this.#unmarked });
    this.#unmarked = 0;
    if (this.#waiting > this.#enough) this.#connection.pause(true);
  }

  /** Octets that are enough to wait. */
  get #enough(): number {
    const { encoding, rate } = tapSettings(this.#start.format);
    return (rate * (encoding === "L16" ? 2 : 1) * enough) / 1000;
  }

  #mark(mark: { name: string } | { octets: number } | "end"): void {
    if (this.#tap === undefined) return;
    this.#lastMark = (this.#lastMark + 1) >>> 0;
    this.#marks.set(this.#lastMark, mark);
    this.#tap.mark(this.#lastMark);
  }

  #reached(id: number, cleared: boolean): void {
    const mark = this.#marks.get(id);
    this.#marks.delete(id);
    if (mark === undefined || this.#over) return;
    if (mark === "end") return this.#end({ reason: "program", why: "" }, "");
    if ("name" in mark) return this.#connection.mark(mark.name, cleared);
    this.#waiting -= mark.octets;
    this.#connection.pause(this.#waiting > this.#enough);
  }

  #press(digits: string): void {
    if (this.#presses >= maxPresses) return this.#connection.error("too many keys are being pressed already");
    this.#presses++;
    this.#call.perform({ name: "DTMF", digits }, (outcome) => {
      this.#presses--;
      if (!outcome.ok) this.#connection.error(`dtmf: ${outcome.failure.reason}`);
    });
  }

  #lost(reason: string): void {
    this.#end({ reason: "failed", why: reason }, reason);
  }

  #end(end: StreamEnd, farewell: string): void {
    if (this.#over) return;
    this.#release(farewell);
    this.#call.attachments.delete(this);
    this.#call.emit({ name: "STREAMED", reason: end.reason, why: end.why });
    this.#ended(end);
  }

  #release(farewell: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#connecting.cancel();
    this.#connection.close(farewell);
    this.#tap?.close();
    this.#marks.clear();
  }
}
