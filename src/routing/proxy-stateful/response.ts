/** A response on its way upstream: our Via is taken off, and nothing else changes (RFC 3261 §16.7 step 3). */
import { Response } from "../../sip/message.ts";
import { Splice } from "../../sip/splice.ts";

/** The response without its topmost Via; undefined when there is no other: it was meant for us. */
export function withoutTopVia(response: Response): Response | undefined {
  const { lines, head, body } = response;
  const line = lines.find("via");
  const from = lines.start(line);
  const next = lines.next(line);
  const wire = response.bytes();
  const listed = head.slice(from, next).includes(",");
  if (!listed && lines.find("via", line) < 0) return undefined;
  // A head that did not come with the line ends it should have is written anew.
  if (listed || wire.length !== head.length + 2 + body.length || wire[next - 2] !== 0x0d) return rewritten(response);
  const octets = Buffer.allocUnsafe(wire.length - (next - from));
  octets.set(wire.subarray(0, from));
  octets.set(wire.subarray(next), from);
  return new Response(
    head.slice(0, from) + head.slice(next),
    body,
    response.status,
    response.reason,
    undefined,
    octets,
  );
}

function rewritten(response: Response): Response | undefined {
  if (response.values("via").length < 2) return undefined;
  const splice = new Splice(response);
  splice.removeFirst("via", 1);
  return splice.message();
}
