/** A request's body, no larger than it may be. */
import { problem } from "./problem.ts";

/** Octets of a body by default. */
export const mostBody = 262_144;
/** Lists and objects within one another: deeper ones mean nothing here, and take long to read. */
const deepest = 32;

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
  if (isDeep(octets)) return problem("bad-request", `the body is nested more than ${deepest} deep; flatten it`);
  try {
    return { value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(octets)) };
  } catch {
    return problem("bad-request", "the body is no JSON in UTF-8; mend it");
  }
}

/** Whether JSON is nested too deep; what is no JSON may be either. */
function isDeep(octets: Uint8Array): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at];
    if (inText) {
      if (octet === 0x5c) at++;
      else if (octet === 0x22) inText = false;
    } else if (octet === 0x22) inText = true;
    else if (octet === 0x5b || octet === 0x7b) {
      if (++depth > deepest) return true;
    } else if (octet === 0x5d || octet === 0x7d) depth--;
  }
  return false;
}
