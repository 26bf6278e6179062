/** What the rest of the program and the speech engines say to each other: the types of `speech/index.ts`. */

/** A program that speaks or listens, or an address that does. */
export interface EngineSettings {
  readonly name: string;
  /**
   * The program and its arguments. An argument's `{voice}` and `{language}` are replaced; for voices also `{in}`, a file that holds
   * the text, and `{out}`, the WAV file to be made. Without `{in}` the text comes on stdin, without `{out}` the WAV goes to stdout.
   */
  readonly command: readonly string[] | undefined;
  /** Or where requests are posted to: http: or https:. */
  readonly url: string | undefined;
  /** Sent there as `Authorization: Bearer`. */
  readonly token: string | undefined;
  /** What `{voice}` and `{language}` are by default. */
  readonly voice: string;
  readonly language: string;
}

export interface SpeechSettings {
  /** The first is used where none is named; empty: what the system has. */
  readonly say: readonly EngineSettings[];
  readonly recognize: readonly EngineSettings[];
  /** Octets of spoken texts that are kept to be played again. */
  readonly cache: number;
  /** Where programs start; the system's folder for temporary files by default. */
  readonly folder?: string | undefined;
  /** Programs and requests at a time; further texts wait, further recognitions are refused. */
  readonly atOnce: number;
}

export interface SayOptions {
  readonly engine?: string | undefined;
  readonly voice?: string | undefined;
  readonly language?: string | undefined;
}

/** A spoken text as a WAV file. */
export interface Spoken {
  readonly file: string;
  /** The file may go when nobody uses it any more. */
  release(): void;
}

export interface RecognizeOptions {
  readonly engine?: string | undefined;
  readonly language?: string | undefined;
}

/** What a recogniser tells. Nothing comes after `done` or `failed`. */
export interface RecognizerEvents {
  /** What is understood so far; later ones replace it. */
  partial(text: string): void;
  /** All that was understood, after `end`. @param confidence 0 to 1, where the engine says so */
  done(text: string, confidence: number | undefined): void;
  failed(reason: string): void;
}

export interface Recognizer {
  /** Takes sound: L16, little-endian, 16 kHz, one channel. */
  write(sound: Uint8Array): void;
  /** That was all; `done` or `failed` follows. */
  end(): void;
  /** Ends it without an outcome. */
  cancel(): void;
}

export interface Speech {
  /** Speaks a text into a file. @throws SpeechError */
  say(text: string, options: SayOptions, signal: AbortSignal): Promise<Spoken>;
  /** @throws SpeechError when there is no such engine, or no room for another */
  recognize(options: RecognizeOptions, events: RecognizerEvents): Recognizer;
  /** Ends what runs, and removes the files. */
  close(): void;
}

export type SpeechErrorCode = "no-engine" | "busy" | "failed" | "aborted";

export class SpeechError extends Error {
  readonly code: SpeechErrorCode;
  constructor(code: SpeechErrorCode, message: string) {
    super(message);
    this.name = "SpeechError";
    this.code = code;
  }
}
