/** A request's body, no larger than it may be. */
import { problem } from "./problem.ts";

/** Octets of a body by default. */
export const mostBody = 1_048_576;

/** The body's octets, or the response that refuses it. */
export async function readBody(request: Request, most = mostBody): Promise<Uint8Array | Response> {
  const large = () => problem("too-large", `the body has more than ${most} octets; send less`);
  if (Number(request.headers.get("content-length") ?? 0) > most) return large();
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    if (request.body !== null)
      for await (const part of request.body) {
        size += part.length;
        if (size > most) return large();
        parts.push(part);
      }
  } catch {
    // Whoever sent it has gone away: nobody reads this, and it is no fault of ours.
    return problem("bad-request", "the body ended before it was whole; send it again");
  }
  return Buffer.concat(parts);
}

/** The body as JSON, or the response that refuses it. An empty body is `undefined`. */
export async function readJson(request: Request, most = mostBody): Promise<{ readonly value: unknown } | Response> {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  const octets = await readBody(request, most);
  if (octets instanceof Response) return octets;
  if (octets.length === 0) return { value: undefined };
  // A page of another site may send text/plain without asking first; JSON it may not.
  if (type !== "application/json")
    return problem("wrong-type", "send the body as JSON, with Content-Type: application/json");
  try {
    return { value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(octets)) };
  } catch {
    return problem("bad-request", "the body is no JSON in UTF-8; mend it");
  }
}
