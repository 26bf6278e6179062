/**
 * Credentials for TURN servers, good for a while: user names that begin with the time when they end, and passwords that prove
 * that we made them (draft-uberti-behave-turn-rest-00; coturn's `use-auth-secret`).
 */
import { createHmac } from "node:crypto";
import type { TurnSettings } from "../config/config.ts";
import type { Incoming } from "../routing/index.ts";

export interface TurnCredentials {
  readonly urls: readonly string[];
  readonly username: string;
  readonly credential: string;
  /** Seconds. */
  readonly ttl: number;
}

/** What stands in a user name is shown in the TURN server's log: nothing but letters, digits and a few more. */
const plain = /[^\w.@+-]/g;

/** @param now - ms since 1970 */
export function turnCredentials({ urls, secret, ttl }: TurnSettings, user: string, now: number): TurnCredentials {
  const username = `${Math.floor((now + ttl) / 1000)}:${user.replace(plain, "_").slice(0, 64)}`;
  const credential = createHmac("sha1", secret).update(username).digest("base64");
  return { urls, username, credential, ttl: ttl / 1000 };
}

/** The header that carries them to who has registered, one value for each server, as WHIP writes them (RFC 9725 §4.6). */
export const iceServerHeader = "Ice-Server";

/** What a page that has shown its password, and comes over a WebSocket, gets with the 200 to its REGISTER. */
export function turnHeaders(
  settings: TurnSettings | undefined,
  { flow, authenticated }: Pick<Incoming, "flow" | "authenticated">,
  now: number,
): [string, string][] {
  const overWebSocket = flow.transport === "ws" || flow.transport === "wss";
  if (settings === undefined || authenticated === undefined || !overWebSocket) return [];
  const { urls, username, credential } = turnCredentials(settings, authenticated.user, now);
  return urls.map((url) => [iceServerHeader, `<${url}>;username="${username}";credential="${credential}"`]);
}
