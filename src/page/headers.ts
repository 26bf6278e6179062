/** What a browser may do with the page: only what the phone needs, and in nobody's frame who was not named. */

/** The phone needs the microphone, and may choose the loudspeaker. */
export const permissionsPolicy = "microphone=(self), speaker-selection=(self), camera=(), geolocation=(), payment=()";

/**
 * Scripts, styles and pictures of this server alone, nothing inline, and connections to it alone.
 *
 * @param host - the page's own, with its port: WebSockets there are not `'self'` to every browser.
 * @param frames - origins whose pages may show this one in a frame.
 */
export function contentSecurityPolicy({ host, frames }: { host: string; frames: readonly string[] }): string {
  const ours = /^[\w.:[\]-]+$/.test(host) ? ` ws://${host} wss://${host}` : "";
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "media-src 'self' blob: mediastream:",
    `connect-src 'self'${ours}`,
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${frames.length === 0 ? "'none'" : ["'self'", ...frames].join(" ")}`,
  ].join("; ");
}
