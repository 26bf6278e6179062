/** The routes, and which of them would take a request. */
import { Type } from "@sinclair/typebox";
import { isRefusal } from "../../operator.ts";
import type { ApiParts } from "../index.ts";
import { json, type Operation, operation } from "../operation.ts";
import { refusal } from "../refusal.ts";
import { Route, RouteTest } from "../schemas.ts";
import { given, line } from "../shapes.ts";

export function routeOperations({ server: { operator } }: ApiParts): readonly Operation[] {
  const { routes } = operator;
  return [
    operation({
      id: "listRoutes",
      tag: "routes",
      method: "GET",
      path: "/v1/routes",
      summary: "The routes of the configuration, in order.",
      scopes: ["read"],
      answers: { 200: { doc: "All of them.", schema: Type.Array(Route) } },
      problems: [],
      run: () => json(routes.list()),
    }),
    operation({
      id: "testRoutes",
      tag: "routes",
      method: "POST",
      path: "/v1/routes/test",
      summary: "Which route would take such a request: a dry run.",
      doc: "Nothing is sent, no handler is started, and nobody is asked for a password.",
      scopes: ["read"],
      body: given({
        to: line("a SIP URI, user@host, or a user", { most: 2048 }),
        from: Type.Optional(line("a SIP URI, user@host, or a user", { most: 2048 })),
        method: Type.Optional(line("a SIP method in capitals", { most: 32, pattern: "^[A-Z]+$" })),
        trunk: Type.Optional(line("the name of a trunk", { most: 64, pattern: "^[\\w.-]+$" })),
      }),
      example: { to: "sip:echo@example.com" },
      answers: { 200: { doc: "What would happen.", schema: RouteTest } },
      problems: ["not-found", "invalid"],
      run({ body }) {
        const answer = routes.test(body);
        return isRefusal(answer) ? refusal(answer) : json(answer);
      },
    }),
  ];
}
