/** What the message layer makes of octets, in one word, for tests that compare it with the verdicts of others. */
import { checkRequest, checkResponse, parseMessage, Request } from "../../src/sip/message.ts";

/** "accept", "drop", or the status of the refusal. */
export function verdict(octets: Uint8Array): string {
  const message = parseMessage(octets, "datagram");
  if (message.type === "failure") return message.status === undefined ? "drop" : String(message.status);
  if (message.type === "response") return checkResponse(message) ? "accept" : "drop";
  return String(checkRequest(message)?.status ?? "accept");
}

/** A request that must parse; what else comes is a mistake of the test. */
export function parsedRequest(octets: Uint8Array | string): Request {
  const message = parseMessage(typeof octets === "string" ? Buffer.from(octets) : octets, "datagram");
  if (message instanceof Request) return message;
  throw new TypeError(`no request: ${JSON.stringify(message)}`);
}

export type Row = Readonly<Record<string, unknown>>;

export function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The list of objects in a JSON vector, either itself or under `key`. */
export function rows(json: unknown, key?: string): readonly Row[] {
  const list = key !== undefined && isRow(json) ? json[key] : json;
  if (!Array.isArray(list)) throw new TypeError(`no list ${key ?? ""}`);
  return list.filter(isRow);
}

/** A string in a row. */
export function text(row: Row, key: string): string {
  const value = row[key];
  if (typeof value !== "string") throw new TypeError(`no string ${key} in ${JSON.stringify(row)}`);
  return value;
}
