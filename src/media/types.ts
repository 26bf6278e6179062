/** What the rest of the program and the media engine say to each other: the types of `media/index.ts`. */
import type { Log } from "../log.ts";
import type { Lateness } from "./lateness.ts";
import type { PacketHeader } from "./packet-ring.ts";
import type { SrtpProfile } from "./srtp/index.ts";
import type { ToneName } from "./tones.ts";

export type { PacketHeader, SrtpProfile, ToneName };

export type G711Name = "PCMU" | "PCMA";
export type Codec = G711Name | "G722" | "opus";
/** Which way RTP may flow, seen from us (RFC 3264 §5.1). */
export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";
export type Family = "ipv4" | "ipv6";
/**
 * Which sources a session may take for its peer besides the signalled address; see `latch.ts`.
 * `private`: any address while the signalled one is private; true: any address; false: only the signalled IP address.
 */
export type LatchRule = boolean | "private";

export interface MediaOptions {
  /** First and last UDP port for RTP and RTCP, both included. */
  ports: readonly [first: number, last: number];
  log: Log;
  /** Which wildcard addresses to bind: `ipv4` 0.0.0.0, `ipv6` ::. IPv4 alone by default. */
  families?: readonly Family[];
  /** `private` by default. */
  latch?: LatchRule;
  /** Report `silent` after so many ms without RTP or RTCP of a peer that is allowed to send; 0, the default: never. */
  mediaTimeout?: number;
  /** How many port pairs to keep bound and free for new sessions; 256 by default, 16 with `stun` or `iceTcp`. */
  freePorts?: number;
  /** Octets for the headers of the last packets; 0, the default: none are kept. */
  packets?: number;
  /** Servers that say under which addresses a NAT shows our ports; none by default. */
  stun?: readonly StunServer[];
  /** Browsers may connect to a call's port by TCP (RFC 6544); false by default. */
  iceTcp?: boolean;
}

export interface StunServer {
  /** A name or an IP literal. */
  readonly host: string;
  readonly port: number;
}

/** What a NAT makes of a pair of our ports. */
export interface MappedPorts {
  readonly host: string;
  readonly rtpPort: number;
  readonly rtcpPort: number;
}

/** The engine: one worker thread with all sessions. */
export interface MediaEngine {
  /**
   * Takes a pair of ports for a new session. `host` is an address of ours: its family chooses the pool.
   * @throws MediaError `no-ports` when the range is used up, `no-family` for a family that was not asked for, `closed`.
   */
  open(options: { host: string }): MediaSession;
  /** Ends all sessions, completes their recordings and ends the worker. */
  close(): Promise<void>;
  /** The headers that are kept of these sessions' packets, the oldest first: some thousand at most. */
  packets?(sessions: ReadonlySet<number>): Promise<PacketHeader[]>;
  readonly stats: EngineStats;
}

export interface EngineStats {
  sessions: number;
  /** Port pairs that are bound and free. */
  free: number;
  /** Port pairs that the range has in all, for all families. */
  pairs: number;
  /** How often the worker had to be started anew. */
  restarts: number;
  /** How late its ticks were, as it told so far. */
  late?: Readonly<Lateness>;
}

/** A remote media address of SDP. `host` is an IP literal. */
export interface RemoteAddress {
  host: string;
  port: number;
  /** From a=rtcp (RFC 3605) or port + 1. Not used with `rtcpMux`. */
  rtcpPort: number;
}

export interface Configuration {
  /** Undefined: nothing is sent yet, and everything that comes is dropped. */
  remote: RemoteAddress | undefined;
  codec: Codec;
  /** The peer's format parameters for it (`a=fmtp`): what it wishes of our sound. */
  fmtp?: string | undefined;
  /** RTP payload type that the codec is sent with. */
  payloadType: number;
  /** What the peer may send; by default the same. */
  receivePayloadTypes?: readonly { payloadType: number; codec: Codec }[] | undefined;
  /** RTP payload type that telephone-events are sent with; undefined when not negotiated. */
  dtmfPayloadType?: number | undefined;
  /** RTP payload type of the peer's telephone-events; by default the same. */
  dtmfReceivePayloadType?: number | undefined;
  /** The clock that the durations of telephone-events count in, Hz; 8000 by default. */
  dtmfClockRate?: number | undefined;
  direction: Direction;
  /** Packet length that we send, ms: 10 to 60 in steps of 10; 20 by default. What comes in may have any. */
  ptime?: number | undefined;
  /** RTCP on the RTP port (RFC 5761). */
  rtcpMux?: boolean | undefined;
  /** Overrides the engine's rule for this session. */
  latch?: LatchRule | undefined;
  /** Undefined: RTP in clear. With it nothing in clear is taken or sent. */
  security?: MediaSecurity | undefined;
  /** The peer is found by ICE and SRTP gets its keys by DTLS: `remote`, `rtcpMux`, `latch` and `security` mean nothing. */
  webRtc?: WebRtcAgreement | undefined;
}

/** What offer and answer of WebRTC have agreed on. Its credentials are never logged. */
export interface WebRtcAgreement {
  /** No ICE: the peer is at `remote`, which with `rtcpMux` and `latch` means what it does without keys. */
  readonly iceless?: boolean | undefined;
  readonly local: { readonly ufrag: string; readonly pwd: string };
  readonly remote: { readonly ufrag: string; readonly pwd: string };
  /** The peer's, as values of `a=candidate`. */
  readonly candidates: readonly string[];
  /** Of the peer's certificate, as values of `a=fingerprint`. */
  readonly fingerprints: readonly string[];
  /** Who says hello in DTLS. */
  readonly role: "client" | "server";
  /** We only answer checks: everybody can reach us. */
  readonly lite: boolean;
  /** We nominate. */
  readonly controlling: boolean;
}

/** The keys of SRTP, each master key and salt in base64. They are never logged. */
export interface MediaSecurity {
  readonly profile: SrtpProfile;
  /** Of what we send, and of what the peer sends. */
  readonly localKey: string;
  readonly remoteKey: string;
}

/** How keys are sent in RTP: `auto`, as telephone-events (RFC 4733) where those were agreed upon, else as tones. */
export type DtmfWay = "auto" | "rfc4733" | "inband";

/** How a file is played. */
export interface PlayOptions {
  /** dB; 0 by default: as loud as it is. */
  volume?: number | undefined;
  /** How often, one after the other; 0: until it is stopped; 1 by default. */
  loop?: number | undefined;
  /** ms from its beginning; 0 by default. */
  start?: number | undefined;
  /** Where it lies, when `file` is another name for it. */
  path?: string | undefined;
}

/** When a recording ends by itself. */
export interface RecordOptions {
  /** ms; 0, the default: never. */
  max?: number | undefined;
  /** After so many ms in which the other side is silent; 0, the default: never. */
  silence?: number | undefined;
}

export interface MediaSession {
  /** What `MediaEngine.packets` knows it by. */
  readonly id?: number;
  readonly rtpPort: number;
  readonly rtcpPort: number;
  /** As a STUN server saw them when the session was opened; undefined: none did. */
  readonly mapped?: MappedPorts | undefined;
  /** Browsers may connect to `rtpPort` by TCP. */
  readonly iceTcp?: boolean;
  /** What offer and answer have agreed upon; may be called again at any time. */
  configure(configuration: Configuration): void;
  /** Plays a sound file, mixed with what already plays. `file` is an absolute path. Ends with `played` or `error`. */
  play(id: number, file: string, options?: PlayOptions): void;
  /** Stops the file that was started last. No effect when nothing plays. */
  stop(): void;
  /** Holds the file that was started last, or lets it go on. */
  pause(on: boolean): void;
  /** The file that was started last goes on from so many ms after its beginning. */
  seek(milliseconds: number): void;
  /** The file that was started last is so many dB louder, or less loud, than it is. */
  volume(decibels: number): void;
  /** Starts recording both sides to a file, or stops (undefined). `recording`, and at the end `recorded`, or `error`. */
  record(file: string | undefined, layout?: "mono" | "stereo", options?: RecordOptions): void;
  /**
   * Presses keys (0-9 * # A-D), with pauses (`,` and `w`) between them, after those still being sent. Ends with `dtmf-sent`
   * or `error`.
   */
  dtmf(id: number, digits: string, by?: DtmfWay): void;
  /** Sends silence instead of what plays, or sound again. */
  mute(on: boolean): void;
  /** Sends back what is received, mixed with what plays, or stops doing so. */
  echo(on: boolean): void;
  /** Asks for `counted`. */
  count(): void;
  /** Sends a tone again and again, mixed with what plays; undefined ends it. */
  tone(tone: ToneName | undefined): void;
  /** Enters the room of that name, where all hear each other, and leaves the one before. Two joined calls are a room of two. */
  join(room: string, entry?: RoomEntry): void;
  /** Leaves the room that it is in. `announced`: the others hear a tone. */
  leave(announced?: boolean): void;
  /** Hears the room and is not heard in it, or is heard again. */
  listenOnly(on: boolean): void;
  /** Gives out what is heard, and plays what is written to it; see `tap.ts`. Ends with the session. */
  tap(settings: TapSettings, listener: TapListener): MediaTap;
  /** Ends the session with an RTCP BYE. `closed` follows and is the last event. May be called again. */
  close(): void;
  /** Takes events; set it in the same turn as `open`. */
  listener: (event: MediaEvent) => void;
}

export interface RoomEntry {
  /** Hears, and is not heard. */
  readonly listenOnly?: boolean;
  /** Everybody in the room hears a tone. */
  readonly announced?: boolean;
}

export interface TapSettings {
  /** L16 is little-endian, one channel. */
  readonly encoding: "L16" | G711Name;
  /** Hz: 8000, 16000 or 24000; 8000 for G.711. */
  readonly rate: number;
  /** Whether what is heard is wanted. */
  readonly hear: boolean;
}

/** What a tap tells, on the thread that opened it. */
export interface TapListener {
  /** 20 ms of what is heard; a view that is valid during the call. */
  sound(sound: Uint8Array): void;
  /** What was written before the mark has been played, or was cleared. */
  mark?(id: number, cleared: boolean): void;
  /** Two minutes of sound wait to be played: what came now is lost. Once, until something fits again. */
  overflow?(): void;
}

/** A way into and out of a session's sound. */
export interface MediaTap {
  /** Adds sound, of any length, to what waits to be played. */
  write(sound: Uint8Array): void;
  /** Has the listener told when what was written so far has been played. @param id 32 bits */
  mark(id: number): void;
  /** Forgets what waits to be played. */
  clear(): void;
  close(): void;
}

export type MediaEvent =
  | { type: "played"; id: number; file: string; reason: "end" | "stopped" }
  /** A key was released (or its end was lost). `digit`: one of 0-9 * # A-D. `duration` in ms. `inSound`: it came as tones. */
  | { type: "dtmf"; digit: string; duration: number; inSound?: true }
  | { type: "dtmf-sent"; id: number }
  /** The file is open and takes sound. */
  | { type: "recording"; file: string }
  /** The file is complete. */
  | { type: "recorded"; file: string; milliseconds: number }
  /** A command failed; the session goes on. */
  | { type: "error"; command: "PLAY" | "RECORD" | "DTMF"; id?: number; file?: string; reason: string }
  /** No RTP or RTCP came for `mediaTimeout` ms. Once, until some comes again. */
  | { type: "silent" }
  /** The peer was not reached, could not prove who it is, answers no longer, or has closed the way to it. Once. */
  | { type: "gone"; reason: string }
  /** How the packets stand. */
  | { type: "counted"; stats: RtpStats }
  /** The last event. `error` when the session did not end by `close`: the media worker died. */
  | { type: "closed"; stats: RtpStats; error?: string };

export interface RtpStats {
  sentPackets: number;
  /** Payload octets, without headers. */
  sentOctets: number;
  receivedPackets: number;
  receivedOctets: number;
  /** Packets expected and not received (RFC 3550 §6.4.1); may be negative with duplicates. */
  lost: number;
  /** Interarrival jitter, ms. */
  jitter: number;
  /** Last round trip by RTCP, ms; undefined when none was measured. */
  roundTrip: number | undefined;
  /** What the peer reported of our stream by RTCP: packets lost; undefined when it reported nothing. */
  remoteLost: number | undefined;
  /** The same of its interarrival jitter, ms. */
  remoteJitter: number | undefined;
  /** Datagrams refused: wrong source, wrong payload type, not RTP. */
  dropped: number;
}

export type MediaErrorCode = "no-ports" | "no-family" | "closed" | "failed";

export class MediaError extends Error {
  readonly code: MediaErrorCode;
  constructor(code: MediaErrorCode, message: string) {
    super(message);
    this.name = "MediaError";
    this.code = code;
  }
}
