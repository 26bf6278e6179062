/** The OpenAPI 3.1 document of the API, made of what its operations say of themselves. */
import { version } from "../../version.ts";
import { type ProblemCode, problemCodes } from "../http/problem.ts";
import type { Operation } from "./operation.ts";
import { schemas } from "./schemas.ts";

type Json = { readonly [name: string]: unknown };

/** What may go wrong with every request. */
const always: readonly ProblemCode[] = ["too-many", "fault", "busy"];

export function openApiDocument(operations: readonly Operation[], tags: Readonly<Record<string, string>>): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const one of operations) {
    const path = one.path.replaceAll("+}", "}");
    paths[path] = { ...paths[path], [one.method.toLowerCase()]: operationOf(one) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "siproc",
      version,
      description: "What a running siproc tells, and what it can be told. docs/api.md has examples.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: {
        key: {
          type: "http",
          scheme: "bearer",
          description: "One of `control.keys`. Without configured keys none is needed.",
        },
      },
      schemas: Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, plain(schema, name)])),
    },
  };
}

function operationOf(one: Operation): Json {
  const codes = [
    ...one.problems,
    ...(one.scopes.length > 0 ? (["no-key", "wrong-key", "not-allowed"] as const) : []),
    ...(one.query !== undefined || one.params !== undefined || one.body !== undefined ? (["invalid"] as const) : []),
    ...(one.body !== undefined ? (["bad-request", "too-large", "wrong-type"] as const) : []),
    ...always,
  ];
  const scopes = one.scopes.filter((scope) => scope !== "admin");
  const needs =
    one.scopes.length === 0
      ? "Needs no key."
      : `Needs the scope ${[...scopes.map((scope) => `\`${scope}\``), "`admin`"].join(" or ")}.`;
  return {
    operationId: one.id,
    tags: [one.tag],
    summary: one.summary,
    description: [one.doc, needs].filter((text) => text !== undefined).join("\n\n"),
    ...(one.scopes.length === 0 && { security: [] }),
    parameters: [...parameters(one, "path"), ...parameters(one, "query"), ...parameters(one, "header")],
    ...(one.body !== undefined && {
      requestBody: {
        required: true,
        content: {
          "application/json": { schema: plain(one.body), ...(one.example !== undefined && { example: one.example }) },
        },
      },
    }),
    responses: { ...answersOf(one), ...problemsOf(codes) },
  };
}

function parameters(one: Operation, place: "path" | "query" | "header"): Json[] {
  const object = place === "path" ? one.params : place === "query" ? one.query : one.headers;
  const required = new Set(object?.required ?? []);
  return Object.entries(object?.properties ?? {}).map(([name, schema]) => {
    const { description, ...rest } = schema;
    return {
      name,
      in: place,
      ...(typeof description === "string" && { description }),
      required: place === "path" || required.has(name),
      ...(rest.type === "array" && { style: "form", explode: false }),
      schema: plain(rest),
    };
  });
}

function answersOf({ answers }: Operation): Json {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { doc, schema, content }]) => {
      const media = schema === undefined ? content : (content ?? "application/json");
      return [
        status,
        {
          description: doc,
          ...(media !== undefined && { content: { [media]: schema === undefined ? {} : { schema: plain(schema) } } }),
        },
      ];
    }),
  );
}

/** Codes of one status stand together. */
function problemsOf(codes: readonly ProblemCode[]): Json {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of new Set(codes)) {
    const { status } = problemCodes[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, all]) => [
      status,
      {
        description: all.map((code) => `\`${code}\`: ${problemCodes[code].title}.`).join(" "),
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    ]),
  );
}

/** The schema as JSON, those that have a name by a reference, without what only we read. */
function plain(schema: unknown, ownName?: string): unknown {
  if (Array.isArray(schema)) return schema.map((one) => plain(one));
  if (typeof schema !== "object" || schema === null) return schema;
  const id: unknown = Reflect.get(schema, "$id");
  if (typeof id === "string" && id !== ownName) return { $ref: `#/components/schemas/${id}` };
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name]) => name !== "$id" && name !== "errorMessage")
      .map(([name, value]) => [name, plain(value)]),
  );
}
