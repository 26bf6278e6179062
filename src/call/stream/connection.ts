/** What a stream and its connection, in whichever dialect, say to each other. */
import type { CallFacts } from "../control.ts";
import type { StreamFormat } from "./target.ts";

export interface StreamStart {
  readonly facts: CallFacts;
  readonly format: StreamFormat;
  /** A text of the handler's for the program; undefined: none. */
  readonly data: string | undefined;
  /** Sent as `Authorization: Bearer`; undefined: none. */
  readonly token: string | undefined;
}

/** Towards the program at the other end. */
export interface StreamConnection {
  /** 20 ms of what is heard; a view that is valid during the call. */
  sound(sound: Uint8Array): void;
  digit(digit: string, duration: number): void;
  /** A mark has been reached, or cleared. */
  mark(name: string, cleared: boolean): void;
  /** Sound that came was lost, or a command of the program's failed. */
  error(reason: string): void;
  /** Stops reading for a while, where the dialect can. */
  pause(on: boolean): void;
  /** Says goodbye and closes. No event follows. */
  close(reason: string): void;
}

/** From the program at the other end. Nothing comes before `open`, nothing after `stopped` or `lost`. */
export interface StreamEvents {
  open(): void;
  sound(sound: Uint8Array): void;
  mark(name: string): void;
  clear(): void;
  digits(digits: string): void;
  /** A text for the handler. */
  told(text: string): void;
  /** The program is through: what it sent before is played to its end. */
  stopped(): void;
  /** The connection failed. */
  lost(reason: string): void;
}

/** What waits to be sent to a program that does not read, octets: then the stream is given up. */
export const maxUnread = 512 << 10;
