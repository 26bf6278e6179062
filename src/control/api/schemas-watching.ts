/** The shapes of what is kept: records of calls, their quality over time, messages, lines of the log, how the server stood. */
import { Type } from "@sinclair/typebox";
import { levels } from "../../log.ts";
import { Quality } from "./schemas-calls.ts";
import { choice, count, ms, named, optional, text } from "./shapes.ts";

const number = (description: string) => Type.Number({ description });

export const Record = named(
  "Record",
  {
    id: count("Grows from record to record."),
    kind: choice(["handled", "forwarded"], "Whether a handler of ours had it, or a proxy forwarded it."),
    call: optional(text("Our id of the call; missing for a forwarded one.")),
    callId: text(),
    placedBy: optional(text("The Call-ID of the call whose handler placed this one.")),
    direction: choice(["incoming", "outgoing"]),
    caller: text(),
    callee: text(),
    callerUser: text(),
    calleeUser: text(),
    user: optional(text("Whose password it was let in by.")),
    source: optional(text("Where its INVITE came from, `udp:192.0.2.9:5060`.")),
    begin: ms(),
    ring: optional(ms("The first 18x.")),
    answer: optional(ms()),
    end: ms(),
    seconds: number("Between answer and end, with tenths."),
    status: Type.Integer({ description: "The final status of the INVITE." }),
    ending: choice(
      ["caller", "callee", "cancelled", "failed", "lost", "system"],
      "What ended it; `lost`: nobody said so.",
    ),
    cause: optional(text("As in ENDED of docs/calls.md.")),
    handler: optional(text("As its route names it.")),
    targets: Type.Array(Type.Object({ uri: text(), status: optional(Type.Integer()) }), {
      description: "Whom a forwarded call was sent to.",
    }),
    codec: optional(text()),
    security: optional(text("How its audio was encrypted: `none`, `sdes`, `dtls`.")),
    quality: optional(Quality),
    worstMos: optional(number("The least mean opinion score of an interval, in the worse direction.")),
  },
  "A call that is over.",
);

const Moment = Type.Object({
  rate: number("Packets a second."),
  loss: optional(number("Which part did not arrive, 0 to 1.")),
  jitter: optional(number("ms.")),
  mos: optional(number("Mean opinion score.")),
});

export const LiveQuality = named("LiveQuality", {
  now: Quality,
  series: Type.Array(
    Type.Object({
      at: ms("The interval's end."),
      received: Moment,
      sent: Moment,
      roundTrip: optional(number("ms.")),
    }),
    { description: "From the beginning on: the longer the call, the longer the intervals." },
  ),
});

const Address = Type.Object({ host: text(), port: count() });

export const Message = named(
  "Message",
  {
    id: count("Grows from message to message."),
    at: ms(),
    direction: choice(["received", "sent"]),
    transport: choice(["udp", "tcp", "tls", "ws", "wss"]),
    local: Address,
    remote: Address,
    callId: text("Empty: it has none."),
    summary: text("`INVITE sip:bob@example.com` or `180 Ringing`."),
    method: text("Of the request, or of the one that a response answers."),
    status: optional(Type.Integer()),
    users: Type.Array(Type.String(), { description: "Of From, To and Request-URI." }),
    text: text("One character (latin-1) for each octet; what is secret reads `*`."),
  },
  "A SIP message that passed.",
);

export const LogLine = named("LogLine", {
  id: count("Grows from line to line."),
  time: ms(),
  level: choice(levels),
  message: text(),
  callId: optional(text()),
  fields: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
});

const values = (description: string) => Type.Array(Type.Number(), { description });

export const History = named(
  "History",
  {
    every: number("Seconds of an interval."),
    times: values("The intervals' ends, ms since 1970."),
    handled: values("Calls that handlers have."),
    relayed: values("Calls that are forwarded."),
    contacts: values("Registered contacts."),
    memory: values("Octets, resident."),
    cpu: values("Cores in use."),
    answered: values("Calls that ended answered."),
    failed: values("INVITEs of others that were refused, and calls of ours that failed."),
    packets: values("Packets of sound that came."),
    lost: values("Packets that did not."),
    poor: values("Calls that sound poor: with a mean opinion score below 3.6."),
    codes: Type.Record(Type.String(), Type.Number(), {
      description: "What failed in all intervals by its status.",
    }),
  },
  "One value for each interval, the oldest first.",
);

export const watchingSchemas = { Record, LiveQuality, Message, LogLine, History };
