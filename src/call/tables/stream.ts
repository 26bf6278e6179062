/** The call's sound to and from a program of the user's: a voice agent, a transcriber. */
import type { CommandEntry, EventEntry } from "../kinds.ts";

export const streamCommands = {
  STREAM: {
    summary:
      "Sends what the other side says to a program of yours, such as a voice agent, and plays what the program sends; keys go to it, too. Without a URL, ends the stream.",
    args: {
      url: {
        kind: "streamUrl",
        summary: "where the program listens; a script may only where `allow: net` names the host",
        optional: true,
        default: "end the stream",
      },
      format: {
        kind: "streamFormat",
        summary: "how the sound is written, both ways",
        optional: true,
        option: true,
        default: "L16/16000; with AudioSocket L16/8000",
      },
      token: {
        kind: "token",
        summary: "sent to a WebSocket as `Authorization: Bearer`",
        optional: true,
        option: true,
        default: "none",
      },
      data: {
        kind: "text",
        summary: "a text that the program gets with the start",
        optional: true,
        option: true,
        default: "none",
      },
    },
    result: "void",
    settles: "when the stream has ended",
  },
} as const satisfies Record<string, CommandEntry>;

export const streamEvents = {
  STREAMING: { summary: "The program is connected: it hears the call.", args: {} },
  TOLD: {
    summary: "The program at the stream's other end has a text for the handler.",
    args: { text: { kind: "text", summary: "the text" } },
  },
  STREAMED: {
    summary: "A stream is over, and its call goes on.",
    args: {
      reason: { kind: "reason", summary: "who ended it: `program`, `handler`, or `failed`" },
      why: { kind: "text", summary: "in words, where it failed; else empty" },
    },
  },
} as const satisfies Record<string, EventEntry>;
