/** A flow that keeps what is sent on it, and can fail; and short ways to write SIP messages in tests. */
import type { Address, Flow } from "../../src/sip/flow.ts";
import { parseMessage, Request, Response } from "../../src/sip/message.ts";

export class FakeFlow implements Flow {
  readonly transport: Flow["transport"];
  readonly local: Address = { host: "192.0.2.1", port: 5060 };
  readonly remote: Address = { host: "192.0.2.9", port: 5060 };
  readonly id: string;
  /** What was sent, oldest first. */
  readonly sent: Uint8Array[] = [];
  /** Set: each send fails with this reason, at once. */
  failing: string | undefined;

  constructor(transport: Flow["transport"] = "udp", id = `${transport}-1`) {
    this.transport = transport;
    this.id = id;
  }

  get reliable(): boolean {
    return this.transport !== "udp";
  }

  send(bytes: Uint8Array, failed?: (reason: string) => void): void {
    if (this.failing !== undefined) failed?.(this.failing);
    else this.sent.push(bytes);
  }

  /** Start lines of what was sent since the last call, without the version: "INVITE sip:bob@example.com", "200 OK". */
  take(): string[] {
    return this.takeMessages().map((message) =>
      message instanceof Request ? `${message.method} ${message.uri}` : `${message.status} ${message.reason}`,
    );
  }

  /** What was sent since the last call. */
  takeMessages(): (Request | Response)[] {
    return this.sent.splice(0).map((bytes) => parsed(bytes));
  }
}

/** A message that must parse. Lines may end with a bare "\n"; a Content-Length is added. */
export function parsed(message: string | Uint8Array): Request | Response {
  const bytes = typeof message === "string" ? Buffer.from(message, "latin1") : message;
  const result = parseMessage(bytes, "datagram");
  if (result instanceof Request || result instanceof Response) return result;
  throw new TypeError(`a test's message does not parse: ${result.reason}`);
}

export interface RequestParts {
  method?: string;
  uri?: string;
  via?: string;
  branch?: string;
  from?: string;
  to?: string;
  callId?: string;
  sequence?: number;
  /** Further header lines. */
  headers?: string[];
}

/** A received request, as of Alice to Bob, of which tests change what matters to them. */
export function requestFrom(parts: RequestParts = {}): Request {
  const method = parts.method ?? "INVITE";
  const message = parsed(
    [
      `${method} ${parts.uri ?? "sip:bob@example.com"} SIP/2.0`,
      `Via: ${parts.via ?? `SIP/2.0/UDP 192.0.2.9:5060;branch=${parts.branch ?? "z9hG4bK1"}`}`,
      "Max-Forwards: 70",
      `From: ${parts.from ?? "Alice <sip:alice@example.org>;tag=a1"}`,
      `To: ${parts.to ?? "Bob <sip:bob@example.com>"}`,
      `Call-ID: ${parts.callId ?? "call-1"}`,
      `CSeq: ${parts.sequence ?? 1} ${method}`,
      ...(parts.headers ?? ["Contact: <sip:alice@192.0.2.9:5060>"]),
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n"),
  );
  if (message instanceof Request) return message;
  throw new TypeError("a request was expected");
}

/** A received response to `request`, as its server would send it. */
export function responseTo(request: Request, status: number, toTag = "b1", headers: string[] = []): Response {
  const to = request.header("to") ?? "";
  const message = parsed(
    [
      `SIP/2.0 ${status} Whatever`,
      ...request.headers("via").map((via) => `Via: ${via}`),
      `From: ${request.header("from")}`,
      `To: ${status === 100 || toTag === "" || /;tag=/.test(to) ? to : `${to};tag=${toTag}`}`,
      `Call-ID: ${request.callId}`,
      `CSeq: ${request.header("cseq")}`,
      ...headers,
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n"),
  );
  if (message instanceof Response) return message;
  throw new TypeError("a response was expected");
}
