/** How the server stands, its health, its configuration read again, its end; bans, registrations and trunks. */
import { Type } from "@sinclair/typebox";
import { problem } from "../../http/problem.ts";
import { healthOf } from "../../lifecycle.ts";
import type { ApiParts } from "../index.ts";
import { done, json, type Operation, operation } from "../operation.ts";
import { Ban, Binding, Health, Relay, Reloaded, Status, Trunk } from "../schemas.ts";
import { given, limit, line, mostRows, offset } from "../shapes.ts";

/** ms. */
const hour = 3_600_000;

export function serverOperations({ server: { control, operator }, lifecycle }: ApiParts): readonly Operation[] {
  const health = () => healthOf(control.status(), lifecycle.stage);
  return [
    operation({
      id: "getStatus",
      tag: "server",
      method: "GET",
      path: "/v1/status",
      summary: "How the server stands.",
      scopes: ["read"],
      answers: { 200: { doc: "Its state now.", schema: Status } },
      problems: [],
      run: () => json(control.status()),
    }),
    operation({
      id: "getHealth",
      tag: "server",
      method: "GET",
      path: "/v1/health",
      summary: "Whether the server serves: for load balancers and keepers of containers.",
      doc: "200 also when it is degraded, for then it serves; 503 when it takes no new calls.",
      scopes: [],
      answers: { 200: { doc: "It serves.", schema: Health }, 503: { doc: "It drains.", schema: Health } },
      problems: [],
      run({ asking }) {
        const { health: state, reasons } = health();
        return json(
          { health: state, reasons: asking.scopes.size > 0 ? reasons : [] },
          state === "draining" ? 503 : 200,
        );
      },
    }),
    operation({
      id: "getReady",
      tag: "server",
      method: "GET",
      path: "/v1/ready",
      summary: "Whether new calls may be sent to the server.",
      scopes: [],
      answers: { 204: { doc: "They may." }, 503: { doc: "It is stopping." } },
      problems: ["busy"],
      run: () => (lifecycle.stage === "draining" ? problem("busy", "the server is stopping; call another") : done()),
    }),
    operation({
      id: "reloadConfig",
      tag: "server",
      method: "POST",
      path: "/v1/config/reload",
      summary: "Reads the configuration again.",
      doc: "Calls that are up go on as they began. With mistakes in the file the old configuration stays.",
      scopes: ["admin"],
      answers: { 200: { doc: "It holds from now on.", schema: Reloaded } },
      problems: ["invalid"],
      async run() {
        const reloaded = await lifecycle.reload();
        if (reloaded.taken) return json(reloaded);
        const wrong = reloaded.problems.map(({ file, line: at, column, message }) => ({
          at: `${file}:${at}:${column}`,
          message,
        }));
        return problem("invalid", "the configuration has mistakes, and the old one stays: mend what wrong names", {
          wrong,
        });
      },
    }),
    operation({
      id: "stopServer",
      tag: "server",
      method: "POST",
      path: "/v1/server/stop",
      summary: "Ends the server once its calls have ended, after `limits.drain` at the latest; asked again, at once.",
      scopes: ["admin"],
      answers: { 202: { doc: "It drains." } },
      problems: [],
      run() {
        // After the answer: whoever asks is to hear it.
        setTimeout(() => lifecycle.stop(), 50);
        return new Response(null, { status: 202 });
      },
    }),
    operation({
      id: "listBindings",
      tag: "registrations",
      method: "GET",
      path: "/v1/bindings",
      summary: "Who is registered, and from where.",
      scopes: ["read", "accounts"],
      query: Type.Object(
        {
          limit: limit(mostRows, mostRows),
          offset,
          q: Type.Optional(line("text of up to 128 characters", { most: 128, doc: "Part of a user or a contact." })),
        },
        { additionalProperties: false },
      ),
      answers: { 200: { doc: "A row for each contact.", schema: Type.Array(Binding) } },
      problems: [],
      run: ({ query: { limit: most = mostRows, offset: from = 0, q } }) =>
        json(control.contacts(most, { offset: from, ...(q !== undefined && { text: q }) })),
    }),
    operation({
      id: "removeBindings",
      tag: "registrations",
      method: "DELETE",
      path: "/v1/bindings/{user}",
      summary: "Ends a user's registrations: the phone may register again.",
      scopes: ["accounts"],
      params: Type.Object({ user: line("an address of record such as alice@example.com", { most: 512 }) }),
      query: Type.Object(
        { contact: Type.Optional(line("a contact's URI", { most: 2048, doc: "Only this one." })) },
        { additionalProperties: false },
      ),
      answers: { 204: { doc: "They are ended." } },
      problems: ["not-found"],
      run({ params, query }) {
        if (operator.unregister(params.user, query.contact) > 0) return done();
        return problem("not-found", "nobody is registered so; GET /v1/bindings lists who is");
      },
    }),
    operation({
      id: "listTrunks",
      tag: "registrations",
      method: "GET",
      path: "/v1/trunks",
      summary: "Our accounts elsewhere, and how their registrations stand.",
      scopes: ["read"],
      answers: { 200: { doc: "All of them.", schema: Type.Array(Trunk) } },
      problems: [],
      run: () => json(control.status().trunks),
    }),
    operation({
      id: "listRelays",
      tag: "calls",
      method: "GET",
      path: "/v1/relays",
      summary: "The calls whose audio is relayed.",
      scopes: ["read", "calls"],
      query: Type.Object({ limit: limit(mostRows, 1000) }, { additionalProperties: false }),
      answers: { 200: { doc: "A row for each.", schema: Type.Array(Relay) } },
      problems: [],
      run: async ({ query }) => json(await control.relays(query.limit ?? 1000)),
    }),
    operation({
      id: "listBans",
      tag: "bans",
      method: "GET",
      path: "/v1/bans",
      summary: "The addresses that are not answered.",
      scopes: ["read"],
      answers: { 200: { doc: "All of them.", schema: Type.Array(Ban) } },
      problems: [],
      run: () => json(control.bans()),
    }),
    operation({
      id: "addBan",
      tag: "bans",
      method: "POST",
      path: "/v1/bans",
      summary: "Answers an IP address no longer, and closes its connections.",
      scopes: ["admin"],
      body: given({
        source: line("an IP address", { most: 64 }),
        seconds: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 31_536_000,
            default: 3600,
            errorMessage: "expected seconds from 1 to 31536000",
          }),
        ),
      }),
      example: { source: "203.0.113.9", seconds: 3600 },
      answers: { 204: { doc: "It is banned." } },
      problems: ["invalid", "refused"],
      run({ body: { source, seconds } }) {
        const banned = control.ban(source, seconds === undefined ? hour : seconds * 1000);
        if (banned === "banned") return done();
        if (banned === "exempt") return problem("refused", "ban.never of the configuration names this address");
        return problem("invalid", "source: expected an IP address", {
          wrong: [{ at: "/source", message: "expected an IP address" }],
        });
      },
    }),
    operation({
      id: "removeBan",
      tag: "bans",
      method: "DELETE",
      path: "/v1/bans/{source+}",
      summary: "Answers an address again.",
      scopes: ["admin"],
      params: Type.Object({ source: line("an IP address, or a network as GET /v1/bans lists it", { most: 64 }) }),
      answers: { 204: { doc: "It is heard again." } },
      problems: ["not-found"],
      run({ params: { source } }) {
        return control.unban(source.replace(/\/\d+$/, ""))
          ? done()
          : problem("not-found", "this address is not banned; GET /v1/bans lists those that are");
      },
    }),
  ];
}
