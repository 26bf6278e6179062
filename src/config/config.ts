/** The configuration as the rest of the program sees it: complete, checked, paths absolute, units resolved. */
import type { Account } from "../accounts/index.ts";
import type { CaptureSettings, HepSettings, RecordSettings } from "../control/keeping.ts";
import type { ControlSettings } from "../control/settings.ts";
import type { LogSettings } from "../log-targets.ts";
import type { LatchRule, StunServer } from "../media/index.ts";
import type { MediaWish } from "../routing/media-profile.ts";
import type { Pattern } from "../routing/pattern.ts";
import type { AudioCodec } from "../sip/audio-codecs.ts";
import type { SrtpPolicy } from "../sip/offer-answer.ts";
import type { SpeechSettings } from "../speech/index.ts";
import type { ListenUrl } from "../transport/index.ts";
import type { AuthFilter } from "./schema-routes.ts";

export interface Config {
  /** Absolute path of the file that this was read from. */
  readonly file: string;
  /** Absolute path of its folder: relative paths in the file count from here. */
  readonly folder: string;
  /** At least one; no two the same. */
  readonly listen: readonly ListenUrl[];
  /** IP address or host name to put into Via, Contact and SDP instead of the bound one. */
  readonly advertise: string | undefined;
  /** They say under which addresses a NAT shows the ports of media. */
  readonly stun: readonly StunServer[];
  /** Who we are, in lower case; empty: any. */
  readonly domains: readonly string[];
  readonly tls: TlsSettings | undefined;
  /** The page with a phone, where ws and wss listen; undefined: none. */
  readonly page: PageSettings | undefined;
  /** `memory:`, or `sqlite:` with an absolute path. */
  readonly store: string;
  /** Undefined: there are none, and nobody is asked for a password. */
  readonly accounts: readonly Account[] | undefined;
  readonly registrar: RegistrarSettings;
  readonly auth: AuthSettings;
  readonly ban: BanSettings;
  readonly drop: readonly DropRule[];
  readonly dns: DnsSettings;
  readonly trunks: readonly TrunkSettings[];
  /** The first that matches decides. */
  readonly routes: readonly Route[];
  readonly scripts: ScriptSettings;
  readonly speech: SpeechSettings;
  readonly media: MediaSettings;
  readonly log: LogSettings;
  readonly limits: LimitSettings;
  /** The HTTP API; undefined: there is none. */
  readonly control: ControlSettings | undefined;
  readonly records: RecordSettings;
  readonly capture: CaptureSettings;
  readonly hep: HepSettings | undefined;
}

/** What a request must be like, and what then happens to it. An undefined condition holds for every request. */
export interface Route {
  /** On `user@host` of the Request-URI. */
  readonly to: Pattern | undefined;
  /** On `user@host` of the From header. */
  readonly from: Pattern | undefined;
  /** Upper case names; undefined: any method. */
  readonly methods: readonly string[] | undefined;
  /** The trunk that it came in by; undefined: by any, or by none. */
  readonly trunk?: string | undefined;
  readonly action: RouteAction;
  /** What a caller has to prove, besides the password of an account; undefined: nothing. */
  readonly auth: readonly AuthFilter[] | undefined;
  /** Whether its calls are encrypted; undefined: as `media` says. */
  readonly srtp?: SrtpPolicy | undefined;
  /** Where the route stands in the file, for logs; both from 1. */
  readonly line: number;
  readonly column: number;
}

export type RouteAction =
  | { readonly type: "script" /** Absolute path. */; readonly file: string }
  | {
      readonly type: "exec" /** Not empty; a program with a `/` in it is an absolute path. */;
      readonly argv: readonly string[];
    }
  | { readonly type: "reply"; readonly code: number; readonly reason: string | undefined }
  /** `$1` … `$9` stand for groups of the `to` pattern: see `expandGroups` in routing/pattern.ts. */
  | { readonly type: "redirect"; readonly uri: string }
  | ({ readonly type: "location" } & ProxySettings)
  /** URIs with `$1` … `$9`, or `request-uri`; at least one, tried in order. */
  | ({ readonly type: "proxy"; readonly uris: readonly string[] } & ProxySettings)
  /** Out through a trunk of that name. `number`, in which `$1` … `$9` are groups, is who is called: by default who was. */
  | { readonly type: "trunk"; readonly name: string; readonly number: string | undefined }
  | { readonly type: "drop" }
  /** Whoever reads the events and writes lines handles it. */
  | { readonly type: "events" };

/** An account of ours elsewhere, complete. */
export interface TrunkSettings {
  readonly name: string;
  /** Where we register, a SIP URI; undefined: nowhere. */
  readonly registrar: string | undefined;
  /** A name-addr: the From of our calls. */
  readonly id: string;
  /** The user of `id`, as it stands in a URI: who is called when they call us. */
  readonly user: string;
  /** In lower case. A URI with this host is one of this trunk's. */
  readonly domain: string;
  /** The domain with the port of the registrar, as it stands in a URI. */
  readonly address: string;
  readonly scheme: "sip" | "sips";
  readonly auth: { readonly user: string; readonly password: string; readonly realm: string | undefined } | undefined;
  /** Seconds. */
  readonly expires: number;
  /** Milliseconds. */
  readonly retry: { readonly first: number; readonly longest: number };
  /** Milliseconds; 0: never. */
  readonly keepalive: number;
  /** A SIP URI. */
  readonly proxy: string | undefined;
  readonly strictRoute: boolean;
  readonly transport: "udp" | "tcp" | "tls" | undefined;
  /** Whether calls through it are encrypted; undefined: as `media` says. */
  readonly srtp?: SrtpPolicy | undefined;
}

export interface ProxySettings {
  readonly mode: "stateful" | "stateless" | "redirect";
  /** Media goes through us. */
  readonly relay: boolean;
  /** When it is converted. */
  readonly media: MediaWish;
  readonly recordRoute: boolean;
  readonly rewriteContact: boolean | "force";
}

/** A PEM certificate and its key: absolute paths. */
export interface CertificateSettings {
  readonly cert: string;
  readonly key: string;
  readonly passphrase: string | undefined;
}

export interface TlsSettings extends CertificateSettings {
  /** The certificate is made, and signed by itself, where it is missing. */
  readonly selfSigned?: boolean | undefined;
  /** Absolute path. */
  readonly ca: string | undefined;
  readonly clients: "none" | "ask" | "require";
  readonly names: readonly (CertificateSettings & { readonly name: string })[];
}

export interface PageSettings {
  readonly title: string;
  /** Whom it offers to call. */
  readonly to: readonly string[];
  readonly domain: string | undefined;
  /** Origins whose pages may show it in a frame. */
  readonly frames: readonly string[];
  /** STUN and TURN servers for browsers. */
  readonly ice: readonly string[];
  readonly turn: TurnSettings | undefined;
}

/** TURN servers that give a relay to who knows credentials made with the secret (coturn's `use-auth-secret`). */
export interface TurnSettings {
  readonly urls: readonly string[];
  readonly secret: string;
  /** ms. */
  readonly ttl: number;
  /** Not only for who has registered. */
  readonly anonymous: boolean;
}

export interface DnsSettings {
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /** Milliseconds. */
  readonly timeout: number;
}

/** All in seconds but `keepalive`, which is in ms; 0 for none. */
export interface RegistrarSettings {
  readonly minExpires: number;
  readonly defaultExpires: number;
  readonly maxExpires: number;
  readonly maxContacts: number;
  /** Anybody may register where there are no accounts. */
  readonly open: boolean;
  readonly keepalive: number;
}

export interface AuthSettings {
  /** Undefined: the domain that is called. */
  readonly realm: string | undefined;
  readonly algorithms: readonly ("MD5" | "SHA-256" | "SHA-512-256")[];
  /** Milliseconds. */
  readonly nonce: number;
}

/** What a request that is dropped is like: all that is not undefined holds. */
export interface DropRule {
  /** Address or network. */
  readonly from: string | undefined;
  readonly port: number | undefined;
  readonly header: string | undefined;
  /** On the field's value; undefined: any. */
  readonly matches: Pattern | undefined;
}

export interface BanSettings {
  readonly failures: number;
  /** Milliseconds. */
  readonly within: number;
  readonly for: number;
  readonly scanners: boolean;
  /** Addresses and networks. */
  readonly never: readonly string[];
}

export interface ScriptSettings {
  /** Octets of memory that one script may take. */
  readonly memory: number;
  /** Milliseconds that a script may run without waiting for anything. */
  readonly cpu: number;
  /** Milliseconds that a handler may live. */
  readonly timeout: number;
  readonly allow: ScriptPermissions;
}

/** What scripts may touch; nothing that is not named here. */
export interface ScriptPermissions {
  /** Absolute paths of folders and files. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Hosts, in lower case: `api.example.com`, `*.example.com`, `api.example.com:8443`. */
  readonly net: readonly string[];
  /** Which `user@host` may be called. */
  readonly dial: readonly Pattern[];
  /** Names of environment variables; `exec` handlers get these too. */
  readonly env: readonly string[];
}

export interface MediaSettings {
  /** First and last UDP port for RTP and RTCP, both included. */
  readonly ports: readonly [first: number, last: number];
  /** In order of preference; at least one. */
  readonly codecs: readonly AudioCodec[];
  readonly latch: LatchRule;
  /** Whether calls are encrypted that are signalled over TLS or WSS. */
  readonly srtp: SrtpPolicy;
  /** The same of calls that are signalled in clear. */
  readonly srtpClear: SrtpPolicy;
  /** Browsers may connect to the ports of media by TCP. */
  readonly iceTcp: boolean;
}

export interface LimitSettings {
  /** Calls at a time; more are answered 503. */
  readonly calls: number;
  /** Calls at a time from one IP address. */
  readonly callsPerSource: number;
  /** Stream connections at a time. */
  readonly connections: number;
  /** The same from one IP address. */
  readonly connectionsPerSource: number;
  readonly transactions: number;
  /** A second, outside of dialogs, without proof of who asks; 0: any number. */
  readonly requestsPerSource: number;
  /** Relayed calls at a time. */
  readonly relays: number;
  /** Milliseconds that `siproc run` waits for calls to end when it is told to stop. */
  readonly drain: number;
}

/** What is wrong in a file, and where. `line` and `column` from 1, or 0 for the file as a whole; the message says what was found, what was expected, what to do. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}
