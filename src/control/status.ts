/** What a running server says of itself, for people and for machines: the shape of `siproc status --json`. */

export interface Status {
  readonly version: string;
  readonly pid: number;
  /** The configuration file, an absolute path. */
  readonly file: string;
  /** ms since 1970. */
  readonly started: number;
  /** `udp://192.0.2.1:5060`. */
  readonly listening: readonly string[];
  /** Calls that handlers have; the audio of how many is relayed; requests that are being forwarded. */
  readonly calls: { readonly handled: number; readonly relayed: number; readonly forwarding: number };
  readonly transactions: number;
  readonly connections: number;
  /** Our accounts elsewhere. */
  readonly trunks: readonly StatusTrunk[];
  readonly registrations: { readonly users: number; readonly contacts: number } | undefined;
  readonly accounts: number | undefined;
  readonly store: { readonly kind: string; readonly waiting: number; readonly failure: string | undefined };
  /** Since the start: requests over a source's rate, of scanners, wrong passwords and the like; bans that began. */
  readonly abuse: {
    readonly limited: number;
    readonly scanners: number;
    readonly failures: number;
    readonly banned: number;
  };
  /** Octets of resident memory; CPU seconds, user and system. */
  readonly process: { readonly memory: number; readonly cpu: number };
}

export interface StatusTrunk {
  readonly name: string;
  /** Who we are there, a name-addr. */
  readonly id: string;
  readonly registrar: string | undefined;
  readonly domain: string;
  /** `unregistered`: it needs no registration. */
  readonly state: "registering" | "registered" | "failed" | "ended" | "unregistered";
  /** Since the last change, a refresh included. */
  readonly seconds: number;
  /** Seconds that the registrar gave. */
  readonly expires: number | undefined;
  /** `retry` in ms, from when it failed. */
  readonly failure: { readonly status: number; readonly reason: string; readonly retry: number } | undefined;
  /** The route that the registrar wants our requests to take (RFC 3608). */
  readonly service: readonly string[];
}

export interface StatusContact {
  readonly user: string;
  readonly contact: string;
  readonly transport: string;
  /** Where it registered from. */
  readonly source: string;
  /** Seconds left. */
  readonly expires: number;
  readonly agent: string | undefined;
}

export interface StatusBan {
  readonly source: string;
  /** ms since 1970. */
  readonly until: number;
  readonly why: string;
}

export interface StatusRelay {
  readonly callId: string;
  /** Seconds. */
  readonly age: number;
  /** Packets from the caller's and from the callee's side, and how many of them were lost. */
  readonly packets: readonly [number, number];
  readonly lost: readonly [number, number];
}

export interface StatusAccount {
  readonly user: string;
  readonly domain: string | undefined;
  readonly name: string | undefined;
  readonly disabled: boolean;
  /** Where it is kept: the store can be changed while the server runs. */
  readonly kept: "configuration" | "store";
}

/** What can be asked of a running server. */
export interface Control {
  status(): Status;
  /** At most `limit`, after so many that are passed over; of users and contacts with this text in them, in whatever case. */
  contacts(limit: number, choice?: { readonly offset?: number; readonly text?: string }): readonly StatusContact[];
  bans(): readonly StatusBan[];
  relays(limit: number): Promise<readonly StatusRelay[]>;
  /** Bans an IP address for `ms` and closes its connections, unless it is one that is never banned. */
  ban(source: string, ms: number): "banned" | "exempt" | "no address";
  /** Ends a ban; false when there is none. */
  unban(source: string): boolean;
  accounts(limit: number): readonly StatusAccount[];
  /**
   * Puts an account into the store, or changes it: its fields as an accounts file has them. What is wrong with them, in
   * sentences. Resolves when it is written.
   */
  putAccount(fields: unknown): Promise<readonly string[]>;
  /** Takes an account out of the store; false when there is none. */
  removeAccount(user: string, domain: string | undefined): Promise<boolean>;
}
