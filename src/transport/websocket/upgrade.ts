/** The opening handshake of SIP over WebSocket, as its server (RFC 6455 §4.2, RFC 7118 §4). Sans-IO. */
import { createHash } from "node:crypto";
import { type HttpRequest, plainAnswer } from "./http.ts";

export type Upgrade =
  | { readonly type: "accepted" | "refused"; readonly answer: Uint8Array }
  /** A request that asks for no WebSocket at all. */
  | { readonly type: "plain" };

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/**
 * What becomes of `request`. `origins`: the values of Origin that may connect, in lower case; undefined: any. A client
 * without Origin is no browser, so no page can have made it connect.
 */
export function upgrade(request: HttpRequest, origins: ReadonlySet<string> | undefined): Upgrade {
  const { method, headers } = request;
  const tokens = (name: string) => (headers.get(name) ?? "").split(",").map((token) => token.trim());
  const has = (name: string, token: string) => tokens(name).some((each) => each.toLowerCase() === token);
  if (!has("upgrade", "websocket")) return { type: "plain" };

  if (method !== "GET" || !has("connection", "upgrade") || !headers.has("host")) {
    return refused(400, "A WebSocket is opened with GET, Host and Connection: Upgrade (RFC 6455).");
  }
  if (headers.get("sec-websocket-version") !== "13") {
    return refused(426, "This server speaks version 13 of WebSocket (RFC 6455).", [
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
    ]);
  }
  const key = headers.get("sec-websocket-key") ?? "";
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) return refused(400, "The Sec-WebSocket-Key is missing or malformed.");
  const origin = headers.get("origin");
  if (origins !== undefined && origin !== undefined && !origins.has(origin.toLowerCase())) {
    return refused(403, "Pages of this origin may not connect here.");
  }
  const protocol = tokens("sec-websocket-protocol").find((each) => each.toLowerCase() === "sip");
  if (protocol === undefined) {
    return refused(400, "Only SIP is spoken here: ask for the sub-protocol sip (RFC 7118).", [
      "Sec-WebSocket-Protocol: sip",
    ]);
  }
  const accept = createHash("sha1").update(`${key}${guid}`).digest("base64");
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
    `Sec-WebSocket-Protocol: ${protocol}`,
  ];
  return { type: "accepted", answer: Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1") };
}

function refused(status: number, why: string, headers: readonly string[] = []): Upgrade {
  return { type: "refused", answer: plainAnswer(status, why, headers) };
}
