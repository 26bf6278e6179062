/** Texts outside of calls: MESSAGE (RFC 3428), sent and received. */
import { requestOutside } from "../agent/index.ts";
import type { Server } from "../server/index.ts";
import type { Request } from "../sip/message.ts";
import { reasonPhrase } from "../sip/status.ts";
import { decodeUtf8 } from "../sip/text.ts";
import { inviteOptions, type PhoneSettings } from "./settings.ts";

export interface MessageResult {
  target: string;
  status: "delivered" | "failed" | "invalid";
  /** The final response; 408 when nobody answered, 503 when nobody could be reached. */
  code: number;
  reason: string;
  error?: string;
}

/** Sends a text. @param uri whom; @param service the registrar's route */
export async function sendMessage(
  server: Server,
  settings: PhoneSettings,
  uri: string,
  text: string,
  service: readonly string[] = [],
): Promise<MessageResult> {
  const { promise, resolve } = Promise.withResolvers<MessageResult>();
  const told = (code: number, reason: string) =>
    resolve({ target: uri, status: code < 300 ? "delivered" : "failed", code, reason });
  const invite = inviteOptions(settings, service);
  const sent = requestOutside(
    server.agent.context,
    {
      ...invite,
      method: "MESSAGE",
      uri,
      // RFC 3428 §4: a MESSAGE makes no dialog, and has no Contact.
      contact: "none",
      headers: [...(invite.headers ?? []), ["Content-Type", "text/plain;charset=UTF-8"]],
      body: new TextEncoder().encode(text),
    },
    {
      response: ({ status, reason }) => {
        if (status >= 200) told(status, decodeUtf8(reason) || reasonPhrase(status));
      },
      failed: (status) => told(status, status === 408 ? "nobody answers" : "nobody can be reached"),
    },
  );
  if ("failure" in sent)
    resolve({ target: uri, status: "invalid", code: 400, reason: reasonPhrase(400), error: sent.failure });
  return await promise;
}

/** The text of a received MESSAGE; undefined for what is no text. */
export function textOf(request: Request): string | undefined {
  const type = request.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "text/plain";
  if (!type.startsWith("text/")) return undefined;
  const { buffer, byteOffset, byteLength } = request.body;
  return decodeUtf8(Buffer.from(buffer, byteOffset, byteLength).toString("latin1"));
}

/** What a peer wrote, fit for a terminal: no escape sequences, and line breaks that begin no line of ours. */
export function printable(text: string): string {
  return text
    .slice(0, 16_384)
    .replace(/\r?\n/g, "\n    ")
    .replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}
