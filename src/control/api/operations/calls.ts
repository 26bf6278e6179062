/** Calls: watched, placed, and told what to do by every word of the vocabulary. */
import { type TSchema, Type } from "@sinclair/typebox";
import type { CommandOutcome, CommandWord, CallOrder as Order, WordType } from "../../calls.ts";
import { problem } from "../../http/problem.ts";
import { isRefusal } from "../../operator.ts";
import type { ApiParts } from "../index.ts";
import { json, type Operation, operation } from "../operation.ts";
import { refusal, refusals } from "../refusal.ts";
import { Call, CallOrder, CommandDone } from "../schemas-calls.ts";
import { choice, given, limit, line, mostRows } from "../shapes.ts";

const params = Type.Object({ id: line("the id or Call-ID of a call", { most: 512 }) });
/** ms that a request waits for its command by default, and at most. */
const patience = { usual: 2000, most: 20_000 };

export function callOperations({ server: { operator } }: ApiParts): readonly Operation[] {
  const { calls } = operator;
  return [
    operation({
      id: "listCalls",
      tag: "calls",
      method: "GET",
      path: "/v1/calls",
      summary: "The calls that handlers have, the oldest first.",
      scopes: ["read", "calls"],
      query: Type.Object({ limit: limit(mostRows, mostRows) }, { additionalProperties: false }),
      answers: { 200: { doc: "A row for each.", schema: Type.Array(Call) } },
      problems: [],
      run: ({ query }) => json(calls.list(query.limit ?? mostRows)),
    }),
    operation({
      id: "placeCall",
      tag: "calls",
      method: "POST",
      path: "/v1/calls",
      summary: "Places a call, which a script, a program, or whoever gives it commands handles.",
      doc: "`script` is a file below the configuration's folder, `exec` a command line that a route of the configuration has. The answer comes when the call has begun; the events `call.…` tell how it goes on.",
      scopes: ["calls"],
      body: CallOrder,
      example: { to: "sip:bob@example.com", script: "scripts/announce.ts", variables: { text: "Hello" } },
      answers: { 201: { doc: "It has begun.", schema: Call } },
      problems: refusals,
      run({ body }) {
        // Checked by the schema; members that were left out are undefined.
        const placed = calls.place(body as Order);
        return isRefusal(placed) ? refusal(placed) : json(placed, 201);
      },
    }),
    operation({
      id: "getCall",
      tag: "calls",
      method: "GET",
      path: "/v1/calls/{id}",
      summary: "One call.",
      scopes: ["read", "calls"],
      params,
      answers: { 200: { doc: "How it stands.", schema: Call } },
      problems: ["not-found"],
      run({ params: { id } }) {
        const found = calls.find(id);
        return found === undefined
          ? problem("not-found", "no such call is up; GET /v1/calls lists those that are")
          : json(found);
      },
    }),
    operation({
      id: "hangUp",
      tag: "calls",
      method: "DELETE",
      path: "/v1/calls/{id}",
      summary: "Ends a call.",
      scopes: ["calls"],
      params,
      answers: { 200: { doc: "It ends.", schema: CommandDone } },
      problems: refusals,
      run: ({ params: { id } }) => tell(id, "HANGUP", {}, patience.usual),
    }),
    operation({
      id: "tellCall",
      tag: "calls",
      method: "POST",
      path: "/v1/calls/{id}/commands",
      summary: "Gives a call a command of docs/calls.md.",
      doc: "Waits for its end for `wait` ms; the event `call.command` tells of one that takes longer. Files are those that `scripts.allow` names, and whom it may call, those of `scripts.allow.dial`.",
      scopes: ["calls"],
      params,
      query: Type.Object(
        {
          wait: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: patience.most,
              default: patience.usual,
              description: "ms.",
              errorMessage: `expected milliseconds from 0 to ${patience.most}`,
            }),
          ),
        },
        { additionalProperties: false },
      ),
      body: commandSchema(calls.vocabulary),
      example: { command: "PLAY", file: "sounds/welcome.wav" },
      answers: { 200: { doc: "It has ended.", schema: CommandDone }, 202: { doc: "It goes on.", schema: CommandDone } },
      problems: refusals,
      async run({ params: { id }, query: { wait = patience.usual }, body }) {
        // The schema's every member is an object with a command's name.
        const { command, ...args } = body as { readonly command: string };
        return await tell(id, command, args, wait);
      },
    }),
  ];

  async function tell(id: string, name: string, args: object, wait: number): Promise<Response> {
    const told = calls.command(id, name, { ...args });
    if (isRefusal(told)) return refusal(told);
    const { ref, done } = told;
    const outcome = await within(done, wait);
    if (outcome === undefined) return json({ ref, done: false }, 202);
    return json({ ref, done: true, ...outcome });
  }
}

async function within(done: Promise<CommandOutcome>, ms: number): Promise<CommandOutcome | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ms);
  try {
    return await Promise.race([done, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** One shape for each word, told apart by `command`. */
function commandSchema(vocabulary: readonly CommandWord[]): TSchema {
  const words = vocabulary.map(({ name, summary, args }) =>
    given(
      {
        command: Type.Literal(name),
        ...Object.fromEntries(
          args.map((one) => {
            const schema = {
              ...schemaOf(one.type),
              description: one.summary,
              errorMessage: `expected ${one.expected}`,
            };
            return [one.name, one.optional ? Type.Optional(schema) : schema];
          }),
        ),
      },
      summary,
    ),
  );
  return Type.Union(words, {
    discriminator: { propertyName: "command" },
    errorMessage: `expected an object with command, one of ${vocabulary.map(({ name }) => name).join(", ")}, and its arguments as docs/calls.md names them`,
  });
}

/** UTF-16 units, as commands have it. */
const longestText = 65_536;

function schemaOf(type: WordType): TSchema {
  const text = Type.String({ maxLength: longestText });
  if (typeof type === "object") return choice(type.words);
  switch (type) {
    case "text":
      return text;
    case "texts":
      return Type.Union([text, Type.Array(text, { maxItems: 64 })]);
    case "number":
      return Type.Number();
    case "flag":
      return Type.Boolean();
  }
}
