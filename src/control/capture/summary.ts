/** What a captured message is, at a glance. It may be anybody's octets: nothing is expected of them, and nothing thrown. */

export interface MessageSummary {
  readonly callId: string;
  readonly summary: string;
  readonly method: string;
  readonly status: number | undefined;
  readonly users: readonly string[];
}

/** Characters of any text taken from a message. */
const longest = 256;
const cut = (text: string) => text.slice(0, longest);

const names: Readonly<Record<string, "callId" | "cseq" | "from" | "to">> = {
  "call-id": "callId",
  i: "callId",
  cseq: "cseq",
  from: "from",
  f: "from",
  to: "to",
  t: "to",
};

/** `text`: a whole message, one character for each octet. */
export function summarize(text: string): MessageSummary {
  const firstEnd = lineEnd(text, 0);
  const first = text.slice(0, firstEnd);
  const found = new Map<string, string>();
  for (let at = firstEnd; at < text.length && found.size < 4; ) {
    at = text.indexOf("\n", at) + 1;
    if (at === 0) break;
    const end = lineEnd(text, at);
    if (end === at) break;
    const colon = text.indexOf(":", at);
    if (colon > at && colon < end && colon - at < 16) {
      const name = text.slice(at, colon).trim().toLowerCase();
      const kind = Object.hasOwn(names, name) ? names[name] : undefined;
      if (kind !== undefined && !found.has(kind)) found.set(kind, cut(text.slice(colon + 1, end).trim()));
    }
    at = end;
  }
  const response = /^SIP\/2\.0 (\d{3})(?: (.*))?$/i.exec(first);
  const status = response === null ? undefined : Number(response[1]);
  const [, uri = ""] = response === null ? first.split(" ") : [];
  const method =
    response === null ? (first.split(" ")[0] ?? "") : (/^\d+\s+(\S+)/.exec(found.get("cseq") ?? "")?.[1] ?? "");
  const users = [userOf(found.get("from") ?? ""), userOf(found.get("to") ?? ""), userOf(cut(uri))];
  return {
    callId: found.get("callId") ?? "",
    summary: cut(response === null ? `${method} ${uri}` : `${response[1]} ${response[2] ?? ""}`.trim()),
    method: cut(method).toUpperCase(),
    status,
    users: [...new Set(users.filter((user) => user !== ""))],
  };
}

function lineEnd(text: string, from: number): number {
  const lf = text.indexOf("\n", from);
  const end = lf < 0 ? text.length : lf;
  return end > from && text.charCodeAt(end - 1) === 13 ? end - 1 : end;
}

/** The user of the first SIP or tel URI in a header's value, escapes resolved. */
function userOf(value: string): string {
  const user =
    /\bsips?:([^\s@:;<>"]{1,128})(?::[^\s@<>"]{0,128})?@/i.exec(value)?.[1] ??
    /\btel:([^\s;<>"]{1,128})/i.exec(value)?.[1] ??
    "";
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}
