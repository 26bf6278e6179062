/** What console people read of SIP: reason phrases, and messages taken apart for reading. */

const phrases: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [407, "Proxy Authentication Required"],
  [408, "Request Timeout"],
  [410, "Gone"],
  [415, "Unsupported Media Type"],
  [420, "Bad Extension"],
  [422, "Session Interval Too Small"],
  [430, "Flow Failed"],
  [480, "Temporarily Unavailable"],
  [481, "No Such Call"],
  [482, "Loop Detected"],
  [483, "Too Many Hops"],
  [484, "Address Incomplete"],
  [486, "Busy Here"],
  [487, "Cancelled"],
  [488, "Not Acceptable Here"],
  [500, "Server Error"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Server Timeout"],
  [600, "Busy Everywhere"],
  [603, "Decline"],
  [604, "Does Not Exist Anywhere"],
  [606, "Not Acceptable"],
]);

/** What a final status of an INVITE means, in the words of its RFC; empty for one that we do not know. */
export function phraseOf(status: number): string {
  return phrases.get(status) ?? "";
}

export interface ReadMessage {
  readonly start: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: string;
}

/** Takes a message apart as far as that goes. @param octets - one character for each octet. */
export function readMessage(octets: string): ReadMessage {
  const text = decoded(octets);
  const end = /\r?\n\r?\n/.exec(text);
  const head = end === null ? text : text.slice(0, end.index);
  const [start = "", ...lines] = head.split(/\r?\n/);
  const headers: { name: string; value: string }[] = [];
  for (const line of lines) {
    const [, name, value = ""] = /^([^:\s]+)\s*:\s?(.*)$/.exec(line) ?? [];
    const last = headers.at(-1);
    if (name !== undefined) headers.push({ name, value });
    // A line that begins with a space goes on with the one before (RFC 3261 §7.3.1).
    else if (last !== undefined) last.value += `\n${line}`;
    else headers.push({ name: "", value: line });
  }
  return { start, headers, body: end === null ? "" : text.slice(end.index + end[0].length) };
}

/** As UTF-8, or where it is none as latin-1. */
function decoded(octets: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(octets, (c) => c.charCodeAt(0) & 0xff));
  } catch {
    return octets;
  }
}
