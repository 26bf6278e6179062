/** The words of transfer: the other side to somebody else, or we to somebody else where the other side asks for it. */
import type { CommandEntry, EventEntry } from "../kinds.ts";

export const transferCommands = {
  TRANSFER: {
    summary:
      "Connects the other side with somebody else, and leaves: by REFER, or by 302 while an incoming call is not answered.",
    args: {
      to: {
        kind: "destination",
        summary:
          "whom it is to call (blind), or the id of another call of ours, whose other side it is to talk to (attended)",
      },
    },
    result: "void",
    settles: "when the other side has reached its target, or has left after it had agreed; our call ends then",
  },
  FOLLOW: {
    summary:
      "Does what REFERRED asks for: calls that address, where `allow.dial` lets us, and goes on with who answers.",
    args: {},
    result: "void",
    settles: "when the new call is answered; where it is not, the call stays as it was",
  },
  STAY: {
    summary: "Refuses what REFERRED asks for (603), as happens by itself after three seconds.",
    args: {},
    result: "void",
    settles: "at once",
  },
} as const satisfies Record<string, CommandEntry>;

export const transferEvents = {
  TRANSFERRING: {
    summary: "News of our TRANSFER: how the other side's call to its target fares.",
    args: {
      code: { kind: "status", summary: "the SIP status code that it got" },
      reason: { kind: "text", summary: "the reason phrase" },
    },
  },
  REFERRED: {
    summary: "The other side asks us to call somebody else instead: FOLLOW or STAY. Without either it is refused.",
    args: {
      uri: { kind: "text", summary: "whom to call" },
      by: { kind: "text", summary: "who asks, as it presents itself" },
    },
  },
  TRANSFERRED: {
    summary:
      "The call goes on with somebody else: we have followed, or somebody took the other side's place (Replaces).",
    args: { uri: { kind: "text", summary: "who it is" } },
  },
} as const satisfies Record<string, EventEntry>;
