/** Which programs of others the interop tests find here. In CI all must be there; elsewhere a test without its peer is skipped. */

/** The Debian package that each program comes from. */
const packages = {
  "espeak-ng": "espeak-ng",
  sipp: "sip-tester",
  baresip: "baresip-core",
  linphonec: "linphone-cli",
  kamailio: "kamailio",
  "Net::SIP": "libnet-sip-perl",
  chromium: "chromium",
  "firefox-esr": "firefox-esr",
  sipsak: "sipsak",
  sngrep: "sngrep",
  dnsmasq: "dnsmasq-base",
  ip: "iproute2",
  nft: "nftables",
  openssl: "openssl",
  sox: "sox",
  tshark: "tshark",
  tmux: "tmux",
  jq: "jq",
  aplay: "alsa-utils",
  python3: "python3",
  pocketsphinx_continuous: "pocketsphinx",
  perl: "perl",
  turnserver: "coturn",
  man: "man-db",
  zsh: "zsh",
  fish: "fish",
  "systemd-analyze": "systemd",
  "dpkg-deb": "dpkg",
  logrotate: "logrotate",
  curl: "curl",
  promtool: "prometheus",
  rtpengine: "rtpengine-daemon",
} as const;
export type Peer = keyof typeof packages;
/** Those that tests need. rtpengine is only measured against, in test/bench. */
// Object.keys of an object literal gives its keys.
export const peers = (Object.keys(packages) as readonly Peer[]).filter((peer) => peer !== "rtpengine");

/** A name with colons is a module of Perl. */
function isThere(peer: Peer): boolean {
  if (!peer.includes("::")) return Bun.which(peer) !== null;
  return Bun.which("perl") !== null && Bun.spawnSync(["perl", `-M${peer}`, "-e", "1"]).success;
}

export class MissingPeer extends Error {
  override name = "MissingPeer";
  constructor(missing: readonly Peer[]) {
    super(`${missing.join(", ")} not found: install ${missing.map((peer) => packages[peer]).join(" ")}`);
  }
}

export function missing(wanted: readonly Peer[] = peers): Peer[] {
  return wanted.filter((peer) => !isThere(peer));
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
