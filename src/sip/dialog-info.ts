/** Which calls somebody is in: application/dialog-info+xml (RFC 4235 §4), as far as a subscriber wants to know. */

export interface DialogInfoEntry {
  readonly id: string;
  /** `trying`, `proceeding`, `early`, `confirmed` or `terminated`. */
  readonly state: string;
  readonly direction: "initiator" | "recipient" | undefined;
  /** For Replaces (RFC 3891), where the notifier tells it. */
  readonly callId: string | undefined;
  readonly localTag: string | undefined;
  readonly remoteTag: string | undefined;
  /** The URIs of the two ends. */
  readonly local: string | undefined;
  readonly remote: string | undefined;
}

export interface DialogInfo {
  /** Whose dialogs these are, a URI. */
  readonly entity: string;
  readonly version: number;
  /** All of them, or those that changed. */
  readonly state: "full" | "partial";
  readonly dialogs: readonly DialogInfoEntry[];
}

/** Octets, elements and dialogs that are looked at; nobody honest sends more. */
const mostOctets = 262_144;
const mostTags = 20_000;
const mostDialogs = 1000;

/** Undefined where the body is no such document. What else stands in it is passed over. */
export function parseDialogInfo(body: Uint8Array): DialogInfo | undefined {
  if (body.length > mostOctets) return undefined;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  let info: { entity: string; version: number; state: "full" | "partial" } | undefined;
  const dialogs: Draft[] = [];
  let draft: Draft | undefined;
  let end: "local" | "remote" | undefined;
  for (const { name, attributes, closes, content } of tags(text)) {
    if (info === undefined) {
      if (closes || name !== "dialog-info") return undefined;
      const version = Number(attributes.get("version"));
      if (!Number.isInteger(version) || version < 0) return undefined;
      const state = attributes.get("state") === "partial" ? "partial" : "full";
      info = { entity: attributes.get("entity") ?? "", version, state };
    } else if (name === "dialog") {
      draft = closes ? undefined : draftOf(attributes);
      end = undefined;
      if (draft !== undefined && dialogs.push(draft) > mostDialogs) return undefined;
    } else if (name === "local" || name === "remote") end = closes ? undefined : name;
    else if (closes || draft === undefined) continue;
    else if (name === "state" && end === undefined) draft.state = content.trim().toLowerCase();
    else if (name === "identity" && end !== undefined) draft[end] = content.trim();
    else if (name === "target" && end !== undefined) draft[end] ??= attributes.get("uri");
  }
  return info && { ...info, dialogs };
}

type Draft = { -readonly [K in keyof DialogInfoEntry]: DialogInfoEntry[K] };

function draftOf(attributes: ReadonlyMap<string, string>): Draft {
  const direction = attributes.get("direction");
  return {
    id: attributes.get("id") ?? "",
    state: "",
    direction: direction === "initiator" || direction === "recipient" ? direction : undefined,
    callId: attributes.get("call-id"),
    localTag: attributes.get("local-tag"),
    remoteTag: attributes.get("remote-tag"),
    local: undefined,
    remote: undefined,
  };
}

interface Tag {
  /** Without its namespace's prefix. */
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly closes: boolean;
  /** The text up to the next tag. */
  readonly content: string;
}

/** The tags of a document in their order; an empty element is one that opens. Comments, declarations and the like are none. */
function* tags(text: string): Iterable<Tag> {
  let at = text.indexOf("<");
  for (let count = 0; at >= 0 && count < mostTags; count++) {
    if (text.startsWith("<!--", at)) {
      const comment = text.indexOf("-->", at + 4);
      at = comment < 0 ? -1 : text.indexOf("<", comment);
      continue;
    }
    const end = endOfTag(text, at);
    if (end < 0) return;
    const next = text.indexOf("<", end);
    const inside = text.slice(at + 1, end);
    const match = /^(\/?)(?:[\w.-]+:)?([\w.-]+)/.exec(inside);
    if (match !== null)
      yield {
        name: match[2] ?? "",
        attributes: attributesOf(inside.slice(match[0].length)),
        closes: match[1] === "/",
        content: unescapeXml(text.slice(end + 1, next < 0 ? text.length : next)),
      };
    at = next;
  }
}

/** Where the tag that begins at `from` ends: its `>`, which quotes may hide. */
function endOfTag(text: string, from: number): number {
  let quote = "";
  for (let at = from + 1; at < text.length; at++) {
    const char = text[at] ?? "";
    if (quote !== "") quote = char === quote ? "" : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === ">") return at;
  }
  return -1;
}

function attributesOf(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", double, single] of text.matchAll(/([\w.:-]{1,64})\s{0,8}=\s{0,8}(?:"([^"]*)"|'([^']*)')/g))
    if (found.size < 32 && !found.has(name)) found.set(name, unescapeXml(double ?? single ?? ""));
  return found;
}

const entities: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

function unescapeXml(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{1,8}));/g, (whole, decimal, hex, name: string) => {
    const code = decimal === undefined ? (hex === undefined ? undefined : Number.parseInt(hex, 16)) : Number(decimal);
    if (code === undefined) return entities.get(name) ?? whole;
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
