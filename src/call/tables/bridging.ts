/** The words that bring calls together: call somebody, join two calls, meet in a room, and what they tell. */
import type { CommandEntry, EventEntry } from "../kinds.ts";

export const bridgingCommands = {
  DIAL: {
    summary:
      "Calls somebody and joins the two calls: who answers first is joined. A caller that is not answered yet hears it ring, hears early media, and is answered when the other side answers; both calls can hang up. The other side's keys and ours are passed on.",
    args: {
      targets: { kind: "targets", summary: "whom to call; several are called at once" },
      timeout: {
        kind: "milliseconds",
        summary: "how long each may ring",
        optional: true,
        default: "30000",
        option: true,
      },
      limit: {
        kind: "duration",
        summary: "how long the two may talk",
        optional: true,
        default: "no limit",
        option: true,
      },
      order: {
        kind: "order",
        summary: "call all at once, or one after the other",
        optional: true,
        default: "parallel",
        option: true,
      },
      from: {
        kind: "nameAddr",
        summary: "who calls, as the other side is to see it: `sip:alice@example.com`",
        optional: true,
        default: "as the configuration or the trunk says",
        option: true,
      },
      trunk: {
        kind: "trunkName",
        summary: "the account elsewhere to call through, which takes `tel:` numbers as well",
        optional: true,
        default: "the one whose domain the target names, if there is one",
        option: true,
      },
      ringback: {
        kind: "flag",
        summary: "a caller that is answered already hears that it rings",
        optional: true,
        default: "on",
        option: true,
      },
    },
    result: "Dialed",
    settles: "when the two calls are over or apart again, or when nobody has answered",
  },
  BRIDGE: {
    summary:
      "Joins the sound of this call with that of another call of this server. Each leaves what it was joined to before; keys are passed on.",
    args: { call: { kind: "callId", summary: "the other call's id" } },
    result: "void",
    settles: "when the two are apart again; BRIDGED tells that they are joined",
  },
  UNBRIDGE: {
    summary: "Takes this call out of its DIAL, BRIDGE or CONFERENCE; a DIAL that still rings is given up.",
    args: {},
    result: "void",
    settles: "at once",
  },
  CONFERENCE: {
    summary:
      "Enters a room, which begins with its first call and ends with its last. Each hears all others and not itself.",
    args: {
      room: { kind: "roomName", summary: "the room's name" },
      muted: { kind: "flag", summary: "only listen", optional: true, default: "off", option: true },
      tones: {
        kind: "flag",
        summary: "all hear a tone when this call comes and when it goes",
        optional: true,
        default: "on",
        option: true,
      },
    },
    result: "void",
    settles: "when this call has left the room; JOINED tells that it is in",
  },
  LISTENONLY: {
    summary: "In a room: lets a call hear and not be heard, or be heard again.",
    args: {
      on: { kind: "flag", summary: "only listen, or be heard" },
      call: { kind: "callId", summary: "another call of the same room", optional: true, default: "this call" },
    },
    result: "void",
    settles: "at once",
  },
  KICK: {
    summary: "Puts another call out of the room that this call is in.",
    args: { call: { kind: "callId", summary: "the other call's id" } },
    result: "void",
    settles: "at once",
  },
  TONE: {
    summary: "Sends a tone again and again until the next TONE: `ringback`, `busy`, `congestion`, or `off`.",
    args: { tone: { kind: "tone", summary: "which one" } },
    result: "void",
    settles: "at once",
  },
} as const satisfies Record<string, CommandEntry>;

export const bridgingEvents = {
  DIALING: {
    summary: "DIAL calls somebody.",
    args: {
      call: { kind: "callId", summary: "the id of the new call" },
      target: { kind: "uri", summary: "whom" },
    },
  },
  DIALED: {
    summary: "A DIAL has ended.",
    args: {
      status: {
        kind: "reason",
        summary:
          "`answered`, `busy`, `refused`, `unanswered`, `unreachable`, or `cancelled` when we or the caller gave up",
      },
      code: { kind: "status", summary: "the SIP status code that tells it best" },
      duration: { kind: "elapsed", summary: "how long the two were joined, in ms" },
      target: { kind: "text", summary: "who answered, or who was tried last" },
    },
  },
  BRIDGED: {
    summary: "This call and another one hear each other.",
    args: { call: { kind: "callId", summary: "the other call's id" } },
  },
  UNBRIDGED: {
    summary: "They do not any more.",
    args: {
      call: { kind: "callId", summary: "the other call's id" },
      reason: { kind: "reason", summary: "`hangup`, `unbridge`, `moved` or `limit`" },
    },
  },
  JOINED: {
    summary: "A call has entered the room: this one, or another one while this one is in it.",
    args: {
      room: { kind: "roomName", summary: "the room" },
      call: { kind: "callId", summary: "whose id" },
      members: { kind: "members", summary: "how many are in the room now" },
    },
  },
  LEFT: {
    summary: "A call has left the room.",
    args: {
      room: { kind: "roomName", summary: "the room" },
      call: { kind: "callId", summary: "whose id" },
      members: { kind: "members", summary: "how many are left" },
      reason: { kind: "reason", summary: "`hangup`, `unbridge`, `moved` or `kicked`" },
    },
  },
} as const satisfies Record<string, EventEntry>;
