/** What the server refuses, as a response. */
import type { Refusal } from "../calls.ts";
import { type ProblemCode, problem } from "../http/problem.ts";

const codes: Readonly<Record<Refusal["refused"], ProblemCode>> = {
  "not found": "not-found",
  "not allowed": "refused",
  wrong: "invalid",
  busy: "conflict",
  unavailable: "busy",
};

export function refusal({ refused, reason }: Refusal): Response {
  return problem(codes[refused], reason);
}

export const refusals: readonly ProblemCode[] = Object.values(codes);
