/** The words of sound: files that are played and recorded, and keys that are pressed. */
import type { CommandEntry } from "../kinds.ts";

export const soundCommands = {
  PLAY: {
    summary:
      "Plays a sound file: WAV, MP3, Ogg (Opus or Vorbis) or FLAC, or one at an `https:` URL. Several play at once, mixed.",
    args: {
      file: {
        kind: "file",
        summary: "a file that the configuration lets this handler read, or a URL whose host it lets it ask",
      },
      loop: {
        kind: "loops",
        summary: "how often it is played; 0: until STOP",
        optional: true,
        default: "1",
        option: true,
      },
      volume: {
        kind: "decibels",
        summary: "how much louder or, with a negative number, less loud than it is, in dB",
        optional: true,
        default: "0",
        option: true,
      },
      start: {
        kind: "milliseconds",
        summary: "where in the file to begin",
        optional: true,
        default: "0",
        option: true,
      },
    },
    result: "void",
    settles: "when the file has been played or stopped",
  },
  STOP: {
    summary: "Stops the file that was started last.",
    args: {},
    result: "void",
    settles: "when it is silent",
  },
  PAUSE: {
    summary: "Holds the file that was started last where it is, or lets it go on.",
    args: { on: { kind: "flag", summary: "hold it or go on", optional: true, default: "on" } },
    result: "void",
    settles: "at once",
  },
  SEEK: {
    summary: "Lets the file that was started last go on from somewhere else. Beyond its end, it ends.",
    args: { position: { kind: "milliseconds", summary: "where, from its beginning" } },
    result: "void",
    settles: "at once",
  },
  VOLUME: {
    summary: "Makes the file that was started last louder or less loud than it is.",
    args: { volume: { kind: "decibels", summary: "how much, in dB" } },
    result: "void",
    settles: "at once",
  },
  DTMF: {
    summary: "Presses keys, 160 ms each with 80 ms between them.",
    args: {
      digits: { kind: "keys", summary: "the keys, in order; `,` waits 2 s, and `w` half a second" },
      by: {
        kind: "dtmfWay",
        summary:
          "`rfc4733`: telephone-events in RTP; `info`: SIP INFO with application/dtmf-relay; `info-digit`: SIP INFO with application/dtmf; `inband`: tones; `auto`: telephone-events where the other side takes them, else tones",
        optional: true,
        default: "auto",
        option: true,
      },
    },
    result: "void",
    settles: "when the last key is released",
  },
  RECORD: {
    summary: "Records both sides of the call to a WAV file; without a file, stops the recording.",
    args: {
      file: {
        kind: "file",
        summary: "a file that the configuration lets this handler write",
        optional: true,
        default: "stop the current recording",
      },
      max: {
        kind: "milliseconds",
        summary: "how long it gets at most; 0: as long as the call",
        optional: true,
        default: "0",
        option: true,
      },
      silence: {
        kind: "milliseconds",
        summary: "it ends when the other side has been silent for so long; 0: it does not",
        optional: true,
        default: "0",
        option: true,
      },
    },
    result: "void",
    settles: "when the recording runs, or, when stopping, when the file is complete",
  },
} as const satisfies Record<string, CommandEntry>;
