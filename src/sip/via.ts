/** The Via header (RFC 3261 §20.42, RFC 3581 rport): where a request has come by, and so where its response goes. */
import { formatHost, parseHostPort } from "./host.ts";
import { Params } from "./params.ts";
import { isToken, trimLws } from "./text.ts";

export class Via {
  /** In upper case: "UDP", "TCP", "TLS", "WS", "WSS", or whatever was sent. */
  readonly transport: string;
  /** The host of sent-by; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly params: Params;

  constructor(transport: string, host: string, port: number | undefined, params: Params) {
    this.transport = transport;
    this.host = host;
    this.port = port;
    this.params = params;
  }

  get branch(): string | undefined {
    return this.params.get("branch");
  }

  /** The address that the request came from, when a hop has noted it; IPv6 without brackets (RFC 5118 §4.5). */
  get received(): string | undefined {
    const text = this.params.get("received");
    return text?.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  }

  /** The source port noted by a hop; undefined when absent, empty (`params.has("rport")` tells) or no port. */
  get rport(): number | undefined {
    const text = this.params.get("rport");
    if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined;
    const port = Number(text);
    return port > 0 && port < 65536 ? port : undefined;
  }
}

/** `SIP / 2.0 / UDP`, with the white space that the grammar lets in between. */
const spacedProtocol = /^SIP[ \t]*\/[ \t]*2\.0[ \t]*\/[ \t]*([-A-Za-z0-9.!%*_+`'~]+)[ \t]+/i;

/** Parses one value (not a list) of a Via header; undefined when it is malformed. A comment of RFC 2543 at its end is dropped. */
export function parseVia(text: string): Via | undefined {
  const comment = text.endsWith(")") ? text.lastIndexOf(" (") : -1;
  return parse(comment < 0 ? text : trimLws(text.slice(0, comment)));
}

function parse(text: string): Via | undefined {
  let transport: string;
  let at: number;
  const space = text.indexOf(" ");
  if (text.startsWith("SIP/2.0/") && space > 8 && isToken(text.slice(8, space))) {
    transport = text.slice(8, space);
    at = space + 1;
  } else {
    const match = spacedProtocol.exec(text);
    if (match?.[1] === undefined) return undefined;
    transport = match[1];
    at = match[0].length;
  }
  while (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09) at++;
  let semicolon = text.indexOf(";", at);
  if (semicolon < 0) semicolon = text.length;
  const sentBy = parseHostPort(text, at, semicolon);
  const params = Params.parse(text, semicolon, text.length, "header");
  if (sentBy === undefined || params === undefined) return undefined;
  return new Via(transport.toUpperCase(), sentBy.host, sentBy.port, params);
}

/** A Via value as it is sent. The caller's parts must be valid: host a host, transport a token. */
export function formatVia(via: {
  transport: string;
  host: string;
  port?: number | undefined;
  params?: Params | undefined;
}): string {
  const port = via.port === undefined ? "" : `:${via.port}`;
  return `SIP/2.0/${via.transport} ${formatHost(via.host)}${port}${via.params?.toString() ?? ""}`;
}
