/** What is kept, and can be looked up: records of calls, quality over time, messages as they passed, the log, the last day. */
import { Type } from "@sinclair/typebox";
import { levels } from "../../../log.ts";
import { mostMessages } from "../../capture/capture.ts";
import { problem } from "../../http/problem.ts";
import { defaultRecords, mostRecords } from "../../records.ts";
import type { ApiParts } from "../index.ts";
import { json, type Operation, operation } from "../operation.ts";
import { History, LiveQuality, LogLine, Message, Record } from "../schemas-watching.ts";
import { choice, limit, line } from "../shapes.ts";

/** Calls whose messages are asked for together: one, and those that its handler placed. */
const mostCallIds = 16;
const exact = { additionalProperties: false };
const optional = (expected: string, doc?: string) =>
  Type.Optional(line(expected, { most: 512, ...(doc !== undefined && { doc }) }));
const whole = (description: string, [least, most]: readonly [number, number] = [0, Number.MAX_SAFE_INTEGER]) =>
  Type.Optional(
    Type.Integer({ minimum: least, maximum: most, description, errorMessage: `expected a number from ${least}` }),
  );
const captureFilter = {
  callId: optional("a Call-ID"),
  user: optional("a user", "Of From, To or Request-URI, exactly."),
  method: optional("a SIP method in capitals"),
  host: optional("an IP address", "Of the other side."),
};

export function watchingOperations({ server: { keeping }, logs, history }: ApiParts): readonly Operation[] {
  return [
    operation({
      id: "listRecords",
      tag: "records",
      method: "GET",
      path: "/v1/records",
      summary: "Calls that are over, the newest first.",
      scopes: ["read", "calls"],
      query: Type.Object(
        {
          limit: limit(mostRecords, defaultRecords),
          before: whole("Only those before this record: for the next page."),
          from: whole("Begun at this time or later, ms since 1970."),
          until: whole("Begun before this time, ms since 1970."),
          user: optional("a user", "Of caller or callee, or who was let in: exactly."),
          callId: optional("a Call-ID"),
          answered: Type.Optional(Type.Boolean({ errorMessage: "expected true or false" })),
          status: whole("A status such as 486, or a class: 4 means 400 to 499.", [1, 699]),
          handler: optional("a handler as a route names it"),
          mosBelow: Type.Optional(
            Type.Number({
              minimum: 1,
              maximum: 5,
              description: "With a mean opinion score below this at some time.",
              errorMessage: "expected a number from 1 to 5",
            }),
          ),
        },
        exact,
      ),
      answers: { 200: { doc: "A row for each.", schema: Type.Array(Record) } },
      problems: [],
      run: async ({ query }) => json(await keeping.records(query)),
    }),
    operation({
      id: "getQuality",
      tag: "calls",
      method: "GET",
      path: "/v1/calls/{id}/quality",
      summary: "How a call's sound arrives, both ways: now, and from its beginning on.",
      scopes: ["read", "calls"],
      params: Type.Object({ id: line("the id of a call, or the Call-ID of a relayed one", { most: 512 }) }),
      answers: { 200: { doc: "As it was counted last, some seconds ago at most.", schema: LiveQuality } },
      problems: ["not-found"],
      run({ params: { id } }) {
        const found = keeping.quality.quality(id);
        return found === undefined ? problem("not-found", "no packets of such a call have been counted") : json(found);
      },
    }),
    operation({
      id: "listMessages",
      tag: "capture",
      method: "GET",
      path: "/v1/capture",
      summary: "SIP messages as they passed, the oldest first.",
      doc: "As many as `capture.size` of the configuration has room for. Passwords, nonces and keys in them read `*`.",
      scopes: ["read"],
      query: Type.Object(
        {
          ...captureFilter,
          callId: Type.Optional(
            Type.Array(line("a Call-ID", { most: 512 }), {
              maxItems: mostCallIds,
              description: "Of one of these calls, with commas between them.",
            }),
          ),
          after: whole("Only those after this message."),
          limit: limit(mostMessages, mostMessages),
        },
        exact,
      ),
      answers: { 200: { doc: "A row for each.", schema: Type.Array(Message) } },
      problems: [],
      run({ query: { after, limit: most = mostMessages, callId, ...filter } }) {
        const found = (callId ?? [undefined]).flatMap((one) =>
          keeping.capture.messages({ ...filter, callId: one }, { after, limit: most }),
        );
        return json(found.sort((a, b) => a.id - b.id).slice(0, most));
      },
    }),
    operation({
      id: "getPcap",
      tag: "capture",
      method: "GET",
      path: "/v1/capture.pcap",
      summary: "The same messages, and the headers of their calls' RTP, as a capture file.",
      scopes: ["read"],
      query: Type.Object(captureFilter, exact),
      answers: { 200: { doc: "For Wireshark and its like.", content: "application/vnd.tcpdump.pcap" } },
      problems: [],
      async run({ query }) {
        const file = new Uint8Array(await keeping.capture.pcap(query));
        return new Response(file, { headers: { "Content-Type": "application/vnd.tcpdump.pcap" } });
      },
    }),
    operation({
      id: "listLog",
      tag: "server",
      method: "GET",
      path: "/v1/log",
      summary: "The last lines of the log, the oldest first; where more match than `limit`, the newest of them.",
      scopes: ["read"],
      query: Type.Object(
        {
          level: Type.Optional(choice(levels, "This level or a graver one.")),
          call: optional("a Call-ID or the id of a call"),
          text: optional("text", "Stands somewhere in the line, in whatever case."),
          after: whole("Only lines after this one."),
          limit: limit(2000, 1000),
        },
        exact,
      ),
      answers: { 200: { doc: "A row for each.", schema: Type.Array(LogLine) } },
      problems: [],
      run: ({ query: { limit: most, ...filter } }) => json(logs.list(filter, most ?? 1000)),
    }),
    operation({
      id: "getHistory",
      tag: "server",
      method: "GET",
      path: "/v1/history",
      summary: "How the server stood: the last hour finely, the last day roughly.",
      scopes: ["read"],
      query: Type.Object({ seconds: whole("How far back; 900 by default.", [5, 86_400]) }, exact),
      answers: { 200: { doc: "One value for each interval.", schema: History } },
      problems: [],
      run: ({ query: { seconds = 900 } }) => json(history.view(seconds)),
    }),
  ];
}
