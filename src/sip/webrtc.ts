/**
 * WebRTC's part of offer and answer: ICE (RFC 8839), DTLS-SRTP (RFC 5763, RFC 8842), BUNDLE (RFC 8843), as browsers write
 * them. What an m-line says, what ours says to it, and what both have agreed on.
 */
import type { LocalMedia } from "./offer-answer-write.ts";
import type { MediaDescription } from "./sdp.ts";

/** The ICE and DTLS attributes of an m-line, those of the session level included, as written. */
export interface IceDtls {
  ufrag: string;
  pwd: string;
  /** Values of `a=candidate`. */
  candidates: readonly string[];
  /** Values of `a=fingerprint`. */
  fingerprints: readonly string[];
  /** The value of `a=setup`. */
  setup: string;
  /** `a=ice-lite`. */
  lite: boolean;
}

export interface IceCredentials {
  readonly ufrag: string;
  readonly pwd: string;
}

/** How we speak WebRTC, in one call. */
export interface WebRtcOptions {
  /** Value of `a=fingerprint` of our certificate. */
  readonly fingerprint: string;
  /** Makes credentials: 24 bits of ufrag and 128 of pwd at least, unpredictable (RFC 8445 §5.3). */
  credentials(): IceCredentials;
  /** Our own offers are WebRTC; else only the peer's are answered so. */
  readonly offer: boolean;
  /** Our own offers have keys by DTLS and no ICE (RFC 5764), as phones take them that are no browsers. */
  readonly iceless?: boolean | undefined;
}

/** Our side of an m-line. */
export interface OwnWebRtc {
  /** Keys by DTLS alone: the peer is where its description says. */
  readonly iceless?: boolean | undefined;
  readonly local: IceCredentials;
  readonly fingerprint: string;
  readonly setup: "actpass" | "active" | "passive";
  /** Anybody can reach our address, so we only answer checks. */
  readonly lite: boolean;
  readonly mid: string;
  /** Our m-lines are a BUNDLE group: the peer's are, or the offer is ours. */
  readonly bundle: boolean;
}

/** What both sides agreed on. Its credentials are never logged. */
export interface AgreedWebRtc {
  /** Without ICE: the peer is at the address of its description, and all that is said of ICE here means nothing. */
  readonly iceless?: boolean | undefined;
  readonly local: IceCredentials;
  readonly remote: IceCredentials;
  readonly candidates: readonly string[];
  readonly fingerprints: readonly string[];
  /** Who says hello in DTLS. */
  readonly role: "client" | "server";
  readonly lite: boolean;
  /** We nominate. */
  readonly controlling: boolean;
}

const ufragForm = /^[A-Za-z0-9+/]{4,256}$/;
const pwdForm = /^[A-Za-z0-9+/]{22,256}$/;
const hashes = /^sha-(?:256|384|512) /i;
const setups: ReadonlySet<string> = new Set(["active", "passive", "actpass"]);

/** Does the m-line's protocol say DTLS-SRTP? */
export function isDtlsSrtp(protocol: string): boolean {
  return /^(?:UDP\/TLS\/RTP\/SAVPF?|RTP\/SAVPF)$/i.test(protocol);
}

/** Whether an m-line is WebRTC that we can answer: ICE, a good fingerprint, one port for RTP and RTCP. */
export function isWebRtc({ protocol, iceDtls, rtcpMux }: MediaDescription): boolean {
  return (
    isDtlsSrtp(protocol) &&
    rtcpMux &&
    iceDtls !== undefined &&
    ufragForm.test(iceDtls.ufrag) &&
    pwdForm.test(iceDtls.pwd) &&
    setups.has(iceDtls.setup) &&
    iceDtls.fingerprints.some((print) => hashes.test(print))
  );
}

/** Whether an m-line is SRTP with keys by DTLS whose peer is where it says, with or without one port for RTP and RTCP. */
export function isIcelessDtls(media: MediaDescription): boolean {
  const { protocol, iceDtls, connection } = media;
  return (
    /^UDP\/TLS\/RTP\/SAVPF?$/i.test(protocol) &&
    !isWebRtc(media) &&
    iceDtls !== undefined &&
    connection !== undefined &&
    // Browsers that leave their address to ICE have none.
    !/^(?:0\.0\.0\.0|[0:]+)$/.test(connection.host) &&
    setups.has(iceDtls.setup) &&
    iceDtls.fingerprints.some((print) => hashes.test(print))
  );
}

const sameList = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every((each, at) => each === other[at]);

/**
 * Our answer to an m-line that `isWebRtc`, and what is agreed by it. What was agreed before goes on: credentials unless the
 * peer restarts ICE (RFC 8839 §4.4.1), and the roles of DTLS while its certificate stays (RFC 8842 §5.5).
 */
export function answerWebRtc(
  media: MediaDescription,
  bundle: boolean,
  options: WebRtcOptions,
  before: { readonly agreed: AgreedWebRtc } | undefined,
  host: { readonly public: boolean },
): { own: OwnWebRtc; agreed: AgreedWebRtc } {
  const theirs = media.iceDtls ?? nothing;
  const { agreed } = before ?? {};
  const local = agreed?.remote.ufrag === theirs.ufrag ? agreed.local : options.credentials();
  const kept = agreed !== undefined && sameList(agreed.fingerprints, theirs.fingerprints) ? agreed.role : undefined;
  // Active where the offer leaves it to us: media flows half a round trip sooner (RFC 5763 §5).
  const iceless = isIcelessDtls(media);
  // Without ICE, whom everybody can reach waits: the peer may be behind a NAT, where no hello gets in.
  const usual = iceless && host.public ? "server" : "client";
  const role = theirs.setup === "active" ? "server" : theirs.setup === "passive" ? "client" : (kept ?? usual);
  const setup = role === "client" ? "active" : "passive";
  const own = {
    local,
    ...(iceless && { iceless }),
    fingerprint: options.fingerprint,
    setup,
    lite: host.public,
    mid: media.mid ?? "0",
    bundle,
  } as const;
  return { own, agreed: agreedOn(own, theirs, role, theirs.lite) };
}

/** Our side of an offer of ours. */
export function offerWebRtc(
  options: WebRtcOptions,
  before: { readonly own: OwnWebRtc } | undefined,
  host: { readonly public: boolean },
): OwnWebRtc {
  const iceless = before === undefined ? options.iceless : before.own.iceless;
  return {
    local: before?.own.local ?? options.credentials(),
    ...(iceless && { iceless }),
    fingerprint: options.fingerprint,
    setup: "actpass",
    lite: host.public,
    mid: before?.own.mid ?? "0",
    bundle: true,
  };
}

/** What the answer to our offer settles; undefined where it is none to it. */
export function takeWebRtcAnswer(media: MediaDescription, own: OwnWebRtc): AgreedWebRtc | undefined {
  const theirs = media.iceDtls;
  const fits = own.iceless ? isIcelessDtls(media) : isWebRtc(media);
  if (theirs === undefined || !fits || theirs.setup === "actpass") return undefined;
  return agreedOn(own, theirs, theirs.setup === "active" ? "server" : "client", true);
}

function agreedOn(own: OwnWebRtc, theirs: IceDtls, role: AgreedWebRtc["role"], controlling: boolean): AgreedWebRtc {
  return {
    ...(own.iceless && { iceless: true }),
    local: own.local,
    remote: { ufrag: theirs.ufrag, pwd: theirs.pwd },
    candidates: theirs.candidates,
    fingerprints: theirs.fingerprints,
    role,
    lite: own.lite,
    controlling: controlling && !own.lite,
  };
}

const nothing: IceDtls = { ufrag: "", pwd: "", candidates: [], fingerprints: [], setup: "", lite: false };

/** RFC 8445 §5.1.2: a host candidate of our one component, the better the higher its preference. */
const priorityOf = (preference: number) => 126 * 0x1000000 + preference * 0x100 + 255;

/** The local preference of those by TCP to which the peer connects (RFC 6544 §4.2). */
const passiveTcp = 4 * 0x2000 + 0x1fff;
/** A server-reflexive one. */
const reflexivePriority = 100 * 0x1000000 + 0xffff * 0x100 + 255;

/** The lines of an m-line of ours. */
export function webRtcLines(
  { local, fingerprint, setup, mid, iceless }: OwnWebRtc,
  { host, port, inside, reflexive, iceTcp }: Pick<LocalMedia, "host" | "port" | "inside" | "reflexive" | "iceTcp">,
): string {
  if (iceless) return `a=fingerprint:${fingerprint}\r\na=setup:${setup}\r\n`;
  const candidate = (address: string, n: number) =>
    `a=candidate:${n} 1 udp ${priorityOf(0x10000 - n)} ${address} ${port} typ host\r\n`;
  const hosts = [host, ...(inside === undefined ? [] : [inside])];
  const candidates = hosts.map((address, i) => candidate(address, i + 1));
  if (iceTcp)
    hosts.forEach((address, i) => {
      const n = candidates.length + 1;
      const priority = 126 * 0x1000000 + (passiveTcp - i) * 0x100 + 255;
      candidates.push(`a=candidate:${n} 1 tcp ${priority} ${address} ${port} typ host tcptype passive\r\n`);
    });
  if (reflexive !== undefined)
    candidates.push(
      `a=candidate:${candidates.length + 1} 1 udp ${reflexivePriority} ${reflexive.host} ${reflexive.port} typ srflx raddr ${host} rport ${port}\r\n`,
    );
  return (
    `a=mid:${mid}\r\na=msid:siproc siproc-audio\r\na=ice-ufrag:${local.ufrag}\r\na=ice-pwd:${local.pwd}\r\n` +
    `a=fingerprint:${fingerprint}\r\na=setup:${setup}\r\n${candidates.join("")}a=end-of-candidates\r\n`
  );
}

/** The lines of our session level. */
export function webRtcSessionLines({ bundle, mid, lite, iceless }: OwnWebRtc): string {
  if (iceless) return "";
  return `${bundle ? `a=group:BUNDLE ${mid}\r\n` : ""}${lite ? "a=ice-lite\r\n" : ""}`;
}

/** Reads the attribute at the session's level or an m-line's into `into`, if it is one of ICE or DTLS. */
export function readIceDtls(into: { iceDtls?: Mutable | undefined }, name: string, value: string): void {
  switch (name) {
    case "ice-ufrag":
      descriptionIn(into).ufrag = value;
      return;
    case "ice-pwd":
      descriptionIn(into).pwd = value;
      return;
    case "setup":
      descriptionIn(into).setup = value.toLowerCase();
      return;
    case "ice-lite":
      descriptionIn(into).lite = true;
      return;
    case "fingerprint":
      add(descriptionIn(into).fingerprints, value);
      return;
    case "candidate":
      add(descriptionIn(into).candidates, value);
  }
}

export type Mutable = {
  -readonly [Key in keyof IceDtls]: IceDtls[Key] extends readonly string[] ? string[] : IceDtls[Key];
};

const maxValues = 32;
const maxValue = 512;

function add(list: string[], value: string): void {
  if (list.length < maxValues && value.length <= maxValue) list.push(value);
}

function descriptionIn(into: { iceDtls?: Mutable | undefined }): Mutable {
  into.iceDtls ??= { ...nothing, candidates: [], fingerprints: [] };
  return into.iceDtls;
}

/** What an m-line says, with what stands at the session's level where it says nothing itself. */
export function withSessionLevel(media: Mutable | undefined, session: Mutable | undefined): Mutable | undefined {
  if (session === undefined) return media;
  if (media === undefined) return session;
  return {
    ufrag: media.ufrag || session.ufrag,
    pwd: media.pwd || session.pwd,
    candidates: media.candidates,
    fingerprints: media.fingerprints.length > 0 ? media.fingerprints : session.fingerprints,
    setup: media.setup || session.setup,
    lite: session.lite || media.lite,
  };
}

/** Whether an offer's m-line is the one that a BUNDLE group sends all by, or is alone in it. */
export function isBundled(groups: readonly string[], mid: string | undefined): boolean {
  return (
    mid !== undefined && groups.some((group) => group.split(" ").slice(1).includes(mid) && group.startsWith("BUNDLE "))
  );
}
