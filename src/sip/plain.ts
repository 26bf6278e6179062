/**
 * What nearly all header values look like, told in place: of most messages that are forwarded nobody asks what stands in
 * their Via, From and To, and each string that is not cut out is work that is not done. Each pattern is a part of the
 * grammar, and what fits is shorter than any of its limits; what does not fit has to be looked at closely.
 */

const longest = 250;
const host = "[A-Za-z0-9](?:[\\w.-]*[A-Za-z0-9])?";
const port = "(?::(?:[1-9]\\d{0,3}|[1-5]\\d{4}))?";
const uri = `sips?:(?:[\\w.!~*'()&=+$%/-]+@)?${host}${port}`;
const params = "(?:;[\\w.!%*+'~-]+(?:=[\\w.!%*+'~-]+)?)*";

const address = new RegExp(
  `(?:(?:"[^"\\\\\\x00-\\x1f]*" ?|[\\w.!%*+'~-][\\w.!%*+'~ -]*)?<${uri}(?:;[\\w.-]+(?:=[\\w.%+~-]+)?)*>|${uri})${params}`,
  "y",
);
const via = new RegExp(`SIP/2\\.0/[A-Z]+ ${host}${port}${params}`, "y");
const viaWithBranch = new RegExp(`SIP/2\\.0/[A-Z]+ ${host}${port};branch=[\\w.!%*+'~-]+(?:;rport)?`, "y");

/** Is `text` from one index to the other a name-addr or addr-spec that `parseNameAddr` takes? False: perhaps. */
export function isPlainAddress(text: string, from: number, to: number): boolean {
  return fits(address, text, from, to);
}

/** Is it one Via that `parseVia` takes, `SIP/2.0/UDP host:port;branch=…`, with a transport in upper case? False: perhaps. */
export function isPlainVia(text: string, from: number, to: number): boolean {
  return fits(via, text, from, to);
}

/** Is it a plain Via with a branch and perhaps an empty rport behind it, and nothing else? */
export function isPlainestVia(text: string, from: number, to: number): boolean {
  return fits(viaWithBranch, text, from, to);
}

function fits(pattern: RegExp, text: string, from: number, to: number): boolean {
  if (to - from > longest) return false;
  pattern.lastIndex = from;
  return pattern.test(text) && pattern.lastIndex === to;
}
