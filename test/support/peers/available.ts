/** Which programs of others the interop tests find here. In CI all must be there; elsewhere a test without its peer is skipped. */

/** The Debian package that each program comes from. */
const packages = {
  sipp: "sip-tester",
  baresip: "baresip-core",
  linphonec: "linphone-cli",
  sox: "sox",
  tshark: "tshark",
  python3: "python3",
  perl: "perl",
} as const;
export type Peer = keyof typeof packages;
export const peers: readonly Peer[] = ["sipp", "baresip", "linphonec", "sox", "tshark", "python3", "perl"];

export class MissingPeer extends Error {
  override name = "MissingPeer";
  constructor(missing: readonly Peer[]) {
    super(`${missing.join(", ")} not found: install ${missing.map((peer) => packages[peer]).join(" ")}`);
  }
}

export function missing(wanted: readonly Peer[] = peers): Peer[] {
  return wanted.filter((peer) => Bun.which(peer) === null);
}

/**
 * Whether all of `wanted` are there, for `describe.skipIf(!has("sipp"))`. Says on stderr what is not.
 * @throws MissingPeer in CI (environment variable CI), where nothing may be skipped.
 */
export function has(...wanted: Peer[]): boolean {
  const absent = missing(wanted);
  if (absent.length === 0) return true;
  const error = new MissingPeer(absent);
  if (process.env.CI) throw error;
  console.error(`skipped: ${error.message}`);
  return false;
}
