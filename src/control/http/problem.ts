/** Errors of the HTTP API: RFC 9457 problem details, each with a code for programs and a sentence that says what to do. */

export const problemCodes = {
  "bad-request": { status: 400, title: "The request cannot be understood" },
  "no-key": { status: 401, title: "A key is needed" },
  "wrong-key": { status: 401, title: "The key is not known" },
  "not-allowed": { status: 403, title: "The key does not allow this" },
  "wrong-origin": { status: 403, title: "Pages of other sites may not ask" },
  refused: { status: 403, title: "The server does not do this" },
  "not-found": { status: 404, title: "There is nothing here" },
  "wrong-method": { status: 405, title: "This cannot be done here" },
  conflict: { status: 409, title: "This cannot be done now" },
  "too-large": { status: 413, title: "The body is too large" },
  "wrong-type": { status: 415, title: "The body is of a type that is not read here" },
  "wrong-range": { status: 416, title: "The file has no such part" },
  invalid: { status: 422, title: "Something is wrong with what was sent" },
  "too-many": { status: 429, title: "Too many requests" },
  fault: { status: 500, title: "A fault inside siproc" },
  busy: { status: 503, title: "The server cannot do this at the moment" },
} as const;

export type ProblemCode = keyof typeof problemCodes;

/** What is wrong with one member of a body or one parameter. */
export interface Wrong {
  /** A JSON pointer into the body, or the parameter's name. */
  readonly at: string;
  readonly message: string;
}

/** The response that says so. `detail`: what happened, and what to do. */
export function problem(
  code: ProblemCode,
  detail: string,
  more: { readonly wrong?: readonly Wrong[]; readonly headers?: Readonly<Record<string, string>> } = {},
): Response {
  const { status, title } = problemCodes[code];
  return new Response(
    JSON.stringify({
      type: `urn:siproc:${code}`,
      title,
      status,
      code,
      detail,
      ...(more.wrong && { wrong: more.wrong }),
    }),
    { status, headers: { "Content-Type": "application/problem+json", ...more.headers } },
  );
}
