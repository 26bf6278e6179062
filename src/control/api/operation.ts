/**
 * One operation of the HTTP API: where, for whom, what it takes, what it answers. The same schemas check requests and make the
 * OpenAPI document, so that neither can say what the other does not.
 */
import type { Static, TObject, TSchema } from "@sinclair/typebox";
import type { Asking } from "../http/mount.ts";
import type { ProblemCode } from "../http/problem.ts";
import type { Scope } from "../settings.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** An answer: JSON of a schema, another type of content, or none. */
export interface Answer {
  readonly doc: string;
  readonly schema?: TSchema;
  /** Of what is no JSON: its type. */
  readonly content?: string;
}

export interface Operation {
  /** The name by which programs call it, `listCalls`. */
  readonly id: string;
  readonly tag: string;
  readonly method: Method;
  /** `/v1/calls/{id}`; the last may take slashes, too: `{name+}`. */
  readonly path: string;
  readonly summary: string;
  readonly doc?: string | undefined;
  /** One of these is needed; none: everybody may ask, without a key. */
  readonly scopes: readonly Scope[];
  readonly params?: TObject | undefined;
  readonly query?: TObject | undefined;
  readonly headers?: TObject | undefined;
  readonly body?: TSchema | undefined;
  /** Octets that the body may have; 256 KiB by default. */
  readonly mostBody?: number | undefined;
  /** An example of the body, for the document. */
  readonly example?: unknown;
  readonly answers: Readonly<Record<number, Answer>>;
  /** What may go wrong, besides what may go wrong with every request. */
  readonly problems: readonly ProblemCode[];
  run(asked: Asked): Response | Promise<Response>;
}

/** A request whose parts have been checked. */
export interface Asked {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly request: Request;
  readonly asking: Asking;
}

interface Checked<P extends TObject, Q extends TObject, B extends TSchema> extends Asked {
  readonly params: Static<P>;
  readonly query: Static<Q>;
  readonly body: Static<B>;
}

/** Describes an operation; `run` sees its parts with their types. */
export function operation<P extends TObject, Q extends TObject, B extends TSchema>(
  described: Omit<Operation, "params" | "query" | "body" | "run"> & {
    readonly params?: P;
    readonly query?: Q;
    readonly body?: B;
    run(asked: Checked<P, Q, B>): Response | Promise<Response>;
  },
): Operation {
  return {
    ...described,
    // The router hands on only what it has checked against the schemas named here.
    run: (asked) => described.run(asked as Checked<P, Q, B>),
  };
}

/** JSON, with the names that are undefined left out. */
export function json(value: unknown, status = 200): Response {
  return Response.json(value, { status });
}

/** That it is done, and there is nothing to say. */
export function done(): Response {
  return new Response(null, { status: 204 });
}
