/** Finds the operation that a request means, checks who asks and what was sent, and runs it. */
import type { TObject, TSchema } from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler } from "@sinclair/typebox/compiler";
import { Value } from "@sinclair/typebox/value";
import { readJson } from "../http/body.ts";
import { type Asking, mayDo } from "../http/mount.ts";
import { problem, type Wrong } from "../http/problem.ts";
import { refused } from "../http/server.ts";
import type { Operation } from "./operation.ts";

interface Entry {
  readonly operation: Operation;
  readonly segments: readonly string[];
  readonly params: Checker | undefined;
  readonly query: Checker | undefined;
  readonly body: Checker | undefined;
}

interface Checker {
  readonly schema: TSchema;
  readonly check: TypeCheck<TSchema>;
}

/** Most faults that are told of one request. */
const mostWrong = 20;
/** Longer paths name nothing. */
const longestPath = 4096;

export class Router {
  readonly #entries: readonly Entry[];

  constructor(operations: readonly Operation[]) {
    this.#entries = operations.map((one) => ({
      operation: one,
      segments: one.path.split("/").slice(1),
      params: checker(one.params),
      query: checker(one.query),
      body: checker(one.body),
    }));
  }

  /** Undefined: no operation has this address. */
  async answer(request: Request, url: URL, asking: Asking): Promise<Response | undefined> {
    const found = this.#find(url.pathname);
    if (found.length === 0) return undefined;
    const method = request.method === "HEAD" ? "GET" : request.method;
    const match = found.find(({ entry }) => entry.operation.method === method);
    if (match === undefined)
      return wrongMethod(
        request,
        found.map(({ entry }) => entry.operation.method),
      );
    const { entry, values } = match;
    const { operation } = entry;
    if (operation.scopes.length > 0 && !mayDo(asking, ...operation.scopes)) return refused(asking, ...operation.scopes);
    const wrong: Wrong[] = [];
    const params = checked(entry.params, values, "", wrong);
    const query = checked(entry.query, queryOf(url, entry.query), "", wrong);
    if (entry.query === undefined)
      for (const name of url.searchParams.keys())
        note(wrong, { at: shown(name), message: "there is no such parameter; leave it out" });
    if (wrong.length > 0) return problem("invalid", detailOf(wrong), { wrong });
    let body: unknown;
    if (entry.body !== undefined) {
      const read = await readJson(request, operation.mostBody);
      if (read instanceof Response) return read;
      body = checked(entry.body, read.value, "/", wrong);
      if (wrong.length > 0) return problem("invalid", detailOf(wrong), { wrong });
    }
    const answered = await operation.run({ params, query, body, request, asking });
    return request.method === "HEAD" ? new Response(null, answered) : answered;
  }

  /** Operations of this path; those that name it most exactly alone. */
  #find(path: string): { entry: Entry; values: Record<string, string> }[] {
    if (path.length > longestPath) return [];
    const given = path.split("/").slice(1);
    const found = this.#entries.flatMap((entry) => {
      const values = matched(entry.segments, given);
      return values === undefined ? [] : [{ entry, values, count: Object.keys(values).length }];
    });
    const least = Math.min(...found.map(({ count }) => count));
    return found.filter(({ count }) => count === least);
  }
}

/** The values of the path's parameters; undefined: another path, or one that is no UTF-8. */
function matched(segments: readonly string[], given: readonly string[]): Record<string, string> | undefined {
  const values: Record<string, string> = {};
  for (const [i, segment] of segments.entries()) {
    const [, name, rest] = /^\{(\w+)(\+?)\}$/.exec(segment) ?? [];
    if (name === undefined) {
      if (given[i] !== segment) return undefined;
      continue;
    }
    const written = rest === "+" ? given.slice(i).join("/") : given[i];
    if (written === undefined || written === "") return undefined;
    try {
      values[name] = decodeURIComponent(written);
    } catch {
      return undefined;
    }
    if (rest === "+") return values;
  }
  return given.length === segments.length ? values : undefined;
}

function wrongMethod(request: Request, methods: readonly string[]): Response {
  const allow = [...new Set(methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])))].join(", ");
  const headers = { Allow: allow };
  // CORS is closed: a browser that asks beforehand learns no more than anybody.
  if (request.method === "OPTIONS") return new Response(null, { status: 204, headers });
  return problem("wrong-method", `this address takes ${allow}`, { headers });
}

/** Compiled when it is first needed: a server that starts does not wait for what nobody may ever ask. */
function checker(schema: TSchema | undefined): Checker | undefined {
  if (schema === undefined) return undefined;
  let check: TypeCheck<TSchema> | undefined;
  return {
    schema,
    get check() {
      check ??= TypeCompiler.Compile(schema);
      return check;
    },
  };
}

/** Texts of the query as what their schema says; a name given twice is wrong where no list is meant. */
function queryOf({ searchParams }: URL, of: Checker | undefined): Record<string, unknown> {
  const read: Record<string, unknown> = Object.create(null);
  // A query's schema is an object: that is what operations take.
  const properties = (of?.schema as TObject | undefined)?.properties ?? {};
  for (const name of new Set(searchParams.keys())) {
    const values = searchParams.getAll(name);
    const type: unknown = Object.hasOwn(properties, name) ? properties[name]?.type : undefined;
    if (type === "array") read[name] = values.flatMap((value) => value.split(","));
    else if (values.length > 1) read[name] = values;
    else read[name] = converted(values[0] ?? "", type);
  }
  return read;
}

function converted(text: string, type: unknown): unknown {
  if ((type === "integer" || type === "number") && /^-?\d{1,16}(\.\d{1,9})?$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}

function checked(of: Checker | undefined, value: unknown, root: string, wrong: Wrong[]): unknown {
  if (of === undefined || of.check.Check(value)) return of === undefined ? {} : value;
  for (const { path, schema, message, value: found } of Value.Errors(meant(of.schema, value), value)) {
    const expected = typeof schema.errorMessage === "string" ? schema.errorMessage : message;
    note(wrong, {
      at: root === "" ? shown(path.slice(1)) : shown(path === "" ? "/" : path),
      message: found === undefined && path !== "" ? "this is missing" : expected,
    });
    if (wrong.length >= mostWrong) break;
  }
  return undefined;
}

/** Of a union whose members are told apart by one of their names: the member that is meant, so that its faults are told. */
function meant(schema: TSchema, value: unknown): TSchema {
  const name: unknown = schema.discriminator?.propertyName;
  if (typeof name !== "string" || typeof value !== "object" || value === null || !Array.isArray(schema.anyOf))
    return schema;
  const given: unknown = Reflect.get(value, name);
  // The members of a union are schemas: that is what operations make them of.
  const members: readonly TSchema[] = schema.anyOf;
  return members.find((member) => member.properties?.[name]?.const === given) ?? schema;
}

function note(wrong: Wrong[], one: Wrong): void {
  if (wrong.length < mostWrong && !wrong.some(({ at }) => at === one.at)) wrong.push(one);
}

function detailOf(wrong: readonly Wrong[]): string {
  const [first, ...others] = wrong;
  const more = others.length === 0 ? "" : `; and ${others.length} more, see wrong`;
  return first === undefined ? "" : `${first.at === "/" ? "the body" : first.at}: ${first.message}${more}`;
}

function shown(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, "?");
  return clean.length > 100 ? `${clean.slice(0, 100)}…` : clean;
}
