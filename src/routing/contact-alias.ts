/**
 * The NATed Contact: what a proxy adds to it, so that requests within the dialog find the way that the Contact's own
 * address does not show. `;alias=<ip>~<port>~<transport>` is the form that Kamailio writes and reads.
 */
import { isPrivate } from "../ip.ts";
import type { Address, Flow } from "../sip/flow.ts";
import { canonicalHost, formatHost, isIPv4, isIPv6 } from "../sip/host.ts";
import type { Request, Response } from "../sip/message.ts";
import { MalformedHeader } from "../sip/message.ts";
import type { NameAddr } from "../sip/name-addr.ts";
import type { Splice } from "../sip/splice.ts";
import { endOfElement, quote } from "../sip/text.ts";
import { isSipUri } from "../sip/uri.ts";

/** Kamailio numbers the transports. */
const transports: readonly (readonly [number: string, transport: Flow["transport"]])[] = [
  ["1", "udp"],
  ["2", "tcp"],
  ["3", "tls"],
  ["5", "ws"],
  ["6", "wss"],
];

type Source = Pick<Flow, "transport" | "remote">;

export interface Alias {
  /** The URI without its alias. */
  readonly uri: string;
  readonly transport: Flow["transport"];
  readonly address: Address;
  /** The URI itself names that host: where the connection is gone, one may be made to it. */
  readonly direct?: true;
}

/**
 * Whether the first Contact of a message that came from `source` gets an alias: where its host is private or `.invalid` and
 * not where it came from; where it names another port of the host that is connected to us, as clients do that cannot be
 * connected to (over TLS they have no certificate); with `force`, wherever it is not where it came from.
 */
export function needsAlias(message: Request | Response, source: Source, force: boolean): boolean {
  const { lines } = message;
  const line = lines.find("contact");
  if (line < 0) return false;
  // Nearly always that is where it came from; then it need not be taken apart.
  const connected = source.transport !== "udp";
  if (!force && !connected && names(lines.value(line), source.remote.host)) return false;
  const uri = contactOf(message)?.uri;
  if (uri === undefined || !isSipUri(uri)) return false;
  const { host, port = 5060 } = uri;
  const isSource = canonicalHost(host) === canonicalHost(source.remote.host);
  if (!force && !isPrivate(host) && !/\.invalid\.?$/i.test(host) && !(connected && isSource)) return false;
  if (uri.headers !== undefined || uri.params.has("alias")) return false;
  return port !== source.remote.port || !isSource;
}

/** Does `host`, an IP literal, stand in the text, and not as a part of another? */
function names(text: string, host: string): boolean {
  const at = text.indexOf(host);
  if (at < 0) return false;
  return !/[\w.]/.test(text.charAt(at - 1)) && !/[\w.]/.test(text.charAt(at + host.length));
}

/** Adds the alias to the Contact of a message that needs one. */
export function aliasContact(
  splice: Splice<Request> | Splice<Response>,
  message: Request | Response,
  { transport, remote }: Source,
): void {
  const contact = contactOf(message);
  if (contact === undefined) return;
  const number = transports.find(([, name]) => name === transport)?.[0] ?? "1";
  const { lines } = message;
  const line = lines.find("contact");
  const value = lines.value(line);
  const others = value.slice(endOfElement(value, 0));
  const display = contact.display === "" ? "" : `${quote(contact.display)} `;
  const uri = `${contact.uriText};alias=${formatHost(remote.host)}~${remote.port}~${number}`;
  splice.replace(line, `${lines.nameAsSent(line)}: ${display}<${uri}>${contact.params}${others}`);
}

function contactOf(message: Request | Response): NameAddr | undefined {
  try {
    return message.contact;
  } catch (error) {
    if (error instanceof MalformedHeader) return undefined;
    throw error;
  }
}

const pattern = /;alias=\[?([0-9A-Fa-f.:]{2,45})\]?~(\d{1,5})~(\w{1,4})(?=[;?]|$)/;

/** The alias of a Request-URI; undefined when it has none that makes sense. Believe it only with a genuine Route of ours. */
export function takeAlias(uri: string): Alias | undefined {
  return uri.includes(";alias=") ? readAlias(uri) : undefined;
}

function readAlias(uri: string): Alias | undefined {
  const match = pattern.exec(uri);
  const [whole = "", host = "", port = "", name = ""] = match ?? [];
  const transport = transports.find((each) => each.includes(name.toLowerCase()))?.[1];
  const number = Number(port);
  if (match === null || transport === undefined || (!isIPv4(host) && !isIPv6(host))) return undefined;
  if (number < 1 || number > 65535) return undefined;
  const bare = uri.slice(0, match.index) + uri.slice(match.index + whole.length);
  const alias: Alias = { uri: bare, transport, address: { host, port: number } };
  return (transport === "tcp" || transport === "tls") && names(bare, host) ? { ...alias, direct: true } : alias;
}
