/** The words that tell how it is with others: whether messages wait, whether a phone is busy. */
import type { CommandEntry, EventEntry } from "../kinds.ts";

export const subscriptionCommands = {
  SUBSCRIBE: {
    summary:
      "Hears of somebody's state until the call ends: of a mailbox (`message-summary`), of a phone's calls (`dialog`), or whatever its server offers.",
    args: {
      uri: { kind: "uri", summary: "whose; somebody whom `allow.dial` lets us call" },
      event: { kind: "eventPackage", summary: "which state", optional: true, default: "dialog" },
    },
    result: "void",
    settles: "when the first news have come; NOTIFIED tells them, and all that follow",
  },
  UNSUBSCRIBE: {
    summary: "Hears no more of it.",
    args: {
      uri: { kind: "uri", summary: "as SUBSCRIBE named it" },
      event: { kind: "eventPackage", summary: "as SUBSCRIBE named it", optional: true, default: "dialog" },
    },
    result: "void",
    settles: "at once",
  },
} as const satisfies Record<string, CommandEntry>;

export const subscriptionEvents = {
  NOTIFIED: {
    summary: "News of a SUBSCRIBE.",
    args: {
      event: { kind: "eventPackage", summary: "which state it is" },
      uri: { kind: "uri", summary: "whose, as SUBSCRIBE named it" },
      state: {
        kind: "reason",
        summary:
          "of a phone `idle`, `ringing` or `busy`; of a mailbox `waiting` or `empty`; of others `active`; `ended` when no more will come",
      },
      text: { kind: "text", summary: "the body as it came, or why it has ended; may be empty" },
    },
  },
} as const satisfies Record<string, EventEntry>;
