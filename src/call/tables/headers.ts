/** The word for header fields of our own in what a call sends. */
import type { CommandEntry } from "../kinds.ts";

export const headerCommands = {
  HEADER: {
    summary:
      "Puts a header field into what this call sends from now on: its answers to the INVITE, its BYE and other requests, and the INVITEs of the calls that it places (DIAL, FOLLOW). Without a value, takes it back.",
    args: {
      field: {
        kind: "headerName",
        summary: "the field's name; fields that SIP itself needs, such as Via, are not to be had",
      },
      value: { kind: "headerValue", summary: "its value", optional: true, default: "take it back" },
    },
    result: "void",
    settles: "at once",
  },
} as const satisfies Record<string, CommandEntry>;
