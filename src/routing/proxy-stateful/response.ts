/** A response on its way upstream: our Via is taken off, and nothing else changes (RFC 3261 §16.7 step 3). */
import { Response } from "../../sip/message.ts";
import { Splice } from "../../sip/splice.ts";

const { copy } = Buffer.prototype;

/** The response without its topmost Via; undefined when there is no other: it was meant for us. */
export function withoutTopVia(response: Response): Response | undefined {
  const { lines, head, body } = response;
  const line = lines.find("via");
  const next = lines.next(line);
  const wire = response.bytes();
  const comma = lines.comma(line);
  const listed = comma >= 0;
  if (!listed && lines.find("via", line) < 0) return undefined;
  // A head that did not come with the line ends it should have is written anew.
  if (wire.length !== head.length + 2 + body.length || wire[next - 2] !== 0x0d) return rewritten(response);
  // Many a server answers with all Vias in one line: its first element goes, or the whole line.
  const from = listed ? lines.valueStart(line) : lines.start(line);
  const to = listed ? secondVia(response, comma) : next;
  if (to === undefined) return rewritten(response);
  const octets = Buffer.allocUnsafe(wire.length - (to - from));
  // Copied without views of the octets, each of which costs more than the copy.
  copy.call(wire, octets, 0, 0, from);
  copy.call(wire, octets, from, to, wire.length);
  return new Response(head.slice(0, from) + head.slice(to), body, response.status, response.reason, undefined, octets);
}

/** Where the second Via of the topmost line starts, whose first comma is there; undefined when it takes a closer look. */
function secondVia(response: Response, comma: number): number | undefined {
  const { head } = response;
  // A plain Via holds no comma, and a fold would have to be written anew.
  if (!response.hasPlainVia() || head.indexOf("\n", comma) !== response.lines.next(response.lines.find("via")) - 1)
    return undefined;
  const at = head.charCodeAt(comma + 1) === 0x20 ? comma + 2 : comma + 1;
  return isAlphanumeric(head.charCodeAt(at)) ? at : undefined;
}

function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function rewritten(response: Response): Response | undefined {
  if (response.values("via").length < 2) return undefined;
  const splice = new Splice(response);
  splice.removeFirst("via", 1);
  return splice.message();
}
