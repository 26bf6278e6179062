/** Where a stream goes: the URLs and the formats of sound that STREAM takes. */
import type { TapSettings } from "../../media/index.ts";

export interface StreamTarget {
  readonly dialect: "websocket" | "audiosocket";
  /** As a URL of http or https: what a permission for hosts is held against. */
  readonly asHttp: URL;
  readonly text: string;
}

export const streamFormats = ["L16/8000", "L16/16000", "L16/24000", "PCMU", "PCMA"] as const;
export type StreamFormat = (typeof streamFormats)[number];

const longestUrl = 2048;

/** A URL of ws:, wss: or audiosocket:, without a password in it; undefined for anything else. */
export function parseStreamUrl(text: string): StreamTarget | undefined {
  const [, scheme = "", rest = ""] = /^(wss?|audiosocket):\/\/([\x21-\x7e]+)$/i.exec(text) ?? [];
  if (rest === "" || text.length > longestUrl) return undefined;
  const asHttp = URL.parse(`${scheme.toLowerCase() === "wss" ? "https" : "http"}://${rest}`);
  if (asHttp === null || asHttp.username !== "" || asHttp.password !== "" || asHttp.hash !== "") return undefined;
  if (scheme.toLowerCase() !== "audiosocket") return { dialect: "websocket", asHttp, text };
  // It has no port of its own.
  if (!/^[^/?]*:\d+([/?]|$)/.test(rest) || !/^\/([0-9a-f-]{36})?$/i.test(asHttp.pathname) || asHttp.search !== "")
    return undefined;
  return { dialect: "audiosocket", asHttp, text };
}

/** The settings of a tap for a stream's format. */
export function tapSettings(format: StreamFormat): TapSettings {
  const [encoding, rate] = format.split("/");
  if (encoding === "PCMU" || encoding === "PCMA") return { encoding, rate: 8000, hear: true };
  return { encoding: "L16", rate: Number(rate), hear: true };
}
