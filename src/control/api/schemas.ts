/** The shapes that the API takes and gives: they check requests, and stand in the OpenAPI document by these names. */
import { type TLiteral, type TSchema, Type } from "@sinclair/typebox";
import { type FeedEntryType, feedEvents } from "../feed-events.ts";
import { problemCodes } from "../http/problem.ts";
import { accountSchemas } from "./schemas-accounts.ts";
import { callSchemas } from "./schemas-calls.ts";
import { watchingSchemas } from "./schemas-watching.ts";
import { choice, count, ms, named, octets, optional, text } from "./shapes.ts";

export const Problem = named(
  "Problem",
  {
    type: text("`urn:siproc:CODE`."),
    title: text("What is wrong, in general."),
    status: Type.Integer({ description: "The response's status." }),
    code: choice(Object.keys(problemCodes), "For programs."),
    detail: text("What is wrong here, and what to do."),
    wrong: optional(
      Type.Array(
        Type.Object({
          at: text("A JSON pointer into the body, or a parameter's name."),
          message: text("What is wrong there."),
        }),
      ),
    ),
  },
  "RFC 9457 problem details: the body of each answer that is no success.",
);

export const Trunk = named(
  "Trunk",
  {
    name: text(),
    id: text("Who we are there, a name-addr."),
    registrar: optional(text()),
    domain: text(),
    state: choice(
      ["registering", "registered", "failed", "ended", "unregistered"],
      "`unregistered`: it needs no registration.",
    ),
    seconds: count("Since the last change, a refresh included."),
    expires: optional(Type.Number({ description: "Seconds that the registrar gave." })),
    failure: optional(
      Type.Object({
        status: Type.Integer(),
        reason: text(),
        retry: Type.Number({ description: "ms, from when it failed." }),
      }),
    ),
    service: Type.Array(Type.String(), { description: "The route that the registrar wants our requests to take." }),
  },
  "An account of ours elsewhere.",
);

export const Status = named("Status", {
  version: text(),
  pid: Type.Integer(),
  file: text("The configuration file."),
  started: ms("When it started."),
  listening: Type.Array(Type.String(), { description: "`udp://192.0.2.1:5060`." }),
  calls: Type.Object({
    handled: count("Calls that handlers have."),
    relayed: count("Calls whose audio is relayed."),
    forwarding: count("Requests that are being forwarded."),
  }),
  transactions: count(),
  connections: count(),
  trunks: Type.Array(Trunk),
  registrations: optional(Type.Object({ users: count(), contacts: count() })),
  accounts: optional(count()),
  store: Type.Object({ kind: text(), waiting: count(), failure: optional(text("Why the last write failed.")) }),
  abuse: Type.Object({
    limited: count("Requests over a source's rate."),
    scanners: count("Requests of scanners."),
    failures: count("Wrong passwords and their like."),
    banned: count("Bans that began."),
  }),
  process: Type.Object({ memory: octets("Resident."), cpu: Type.Number({ description: "Seconds, user and system." }) }),
});

export const Health = named("Health", {
  health: choice(["ok", "degraded", "draining"], "`degraded`: it serves, and something needs attention."),
  reasons: Type.Array(Type.String(), { description: "What does. Told to those alone who have a key." }),
});

export const Binding = named("Binding", {
  user: text("The address of record, `alice@example.com`."),
  contact: text("The contact's URI."),
  transport: text(),
  source: text("Where it registered from."),
  expires: count("Seconds left."),
  agent: optional(text("Its User-Agent.")),
});

export const Ban = named("Ban", {
  source: text("An IP address; of IPv6 a network."),
  until: ms("When it ends."),
  why: text(),
});

export const Relay = named("Relay", {
  callId: text(),
  age: Type.Number({ description: "Seconds." }),
  packets: Type.Array(count(), {
    minItems: 2,
    maxItems: 2,
    description: "From the caller's and from the callee's side.",
  }),
  lost: Type.Array(Type.Number(), { minItems: 2, maxItems: 2 }),
});

export const Route = named("Route", {
  index: count("Its place among the routes, from 0."),
  line: count("Where it stands in the configuration."),
  to: optional(text("The pattern on `user@host` of the Request-URI.")),
  from: optional(text("The pattern on `user@host` of the From.")),
  methods: optional(Type.Array(Type.String())),
  trunk: optional(text("The trunk that requests come by.")),
  action: choice(["script", "exec", "reply", "redirect", "location", "proxy", "trunk", "drop", "events"]),
  target: text("What the action is about: a file, a URI, a code."),
  auth: Type.Boolean({ description: "Whether a password is asked for." }),
});

export const RouteTest = named("RouteTest", {
  outcome: choice(
    ["route", "register", "answer", "refuse", "wrong"],
    "`route`: one takes it; `register`: the registrar does; `answer`: siproc itself does; `refuse`: nobody does.",
  ),
  route: optional(Route),
  uri: text("What was tried."),
  says: text("What happens, in a sentence."),
  groups: optional(Type.Array(Type.String(), { description: "`$0`, `$1` and so on: what the pattern of `to` found." })),
  passed: Type.Array(Type.Object({ index: count(), line: count(), why: text() }), {
    description: "The routes before it, and why they do not take it.",
  }),
});

export const Reloaded = named("Reloaded", {
  taken: Type.Boolean(),
  problems: Type.Array(fileProblem()),
  warnings: Type.Array(fileProblem()),
  restart: Type.Array(Type.String(), { description: "Keys that have changed and count after a restart only." }),
});

function fileProblem() {
  return Type.Object({ message: text(), file: text(), line: count(), column: count() });
}

export const Recording = named("Recording", {
  name: text("Its path: from the configuration's folder where it lies below that."),
  size: octets(),
  changed: ms("When it was last written to."),
});

export const MessageResult = named("MessageResult", {
  to: text(),
  status: choice(["delivered", "failed"]),
  code: Type.Integer({ description: "The final response; 408: nobody answers." }),
  reason: text(),
});

/** One schema for each type of event, told apart by `type`. */
export const FeedEvent: TSchema = Type.Union(
  Object.entries(feedEvents).map(([type, described]) => eventOf(type, described)),
  { $id: "Event", description: "Something that happens." },
);

function eventOf(type: string, { doc, data }: FeedEntryType): TSchema {
  const kinds: Readonly<Record<string, () => TSchema>> = {
    string: () => Type.String(),
    number: () => Type.Number(),
    boolean: () => Type.Boolean(),
    object: () => Type.Record(Type.String(), Type.Unknown()),
  };
  const literal: TLiteral = Type.Literal(type);
  const fields = Object.entries(data).map(([name, field]) => {
    const schema = kinds[field.kind.replace("?", "")]?.() ?? Type.Unknown();
    const described = { ...schema, description: field.doc };
    return [name, field.kind.endsWith("?") ? Type.Optional(described) : described];
  });
  return Type.Object(
    {
      id: Type.Integer({ description: "Grows from event to event." }),
      time: ms(),
      type: literal,
      call: optional(text("Our id of its call.")),
      callId: optional(text()),
      data: Type.Object(Object.fromEntries(fields)),
    },
    { title: type, description: doc },
  );
}

export const schemas: Readonly<Record<string, TSchema>> = {
  Problem,
  Status,
  Health,
  Trunk,
  Binding,
  Ban,
  Relay,
  Route,
  RouteTest,
  Reloaded,
  Recording,
  MessageResult,
  Event: FeedEvent,
  ...accountSchemas,
  ...callSchemas,
  ...watchingSchemas,
};
