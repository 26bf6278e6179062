/** What `control:` of a configuration says: where the HTTP API listens, for whom, and whom it tells of events. */

/** What a key may do: look at everything; calls; accounts; everything. */
export const scopes = ["read", "calls", "accounts", "admin"] as const;
export type Scope = (typeof scopes)[number];

export interface ControlKey {
  /** What logs call it. */
  readonly name: string;
  readonly key: string;
  readonly scopes: readonly Scope[];
}

export interface WebhookSettings {
  /** http: or https: */
  readonly url: string;
  /** What its requests are signed with. */
  readonly secret: string;
  /** Types of events, or patterns such as `call.*`. */
  readonly events: readonly string[];
}

export interface ControlTls {
  /** PEM files: absolute paths. */
  readonly cert: string;
  readonly key: string;
  readonly passphrase: string | undefined;
  /** The certificate is made, and signed by itself, where it is missing. */
  readonly selfSigned: boolean;
}

export interface ControlSettings {
  /** At least one; an IP address, and a port, 0: the system chooses. */
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  /** Empty: whoever reaches the port may do everything; then only loopback is listened on. */
  readonly keys: readonly ControlKey[];
  readonly tls: ControlTls | undefined;
  /** Whether the console is served. */
  readonly console: boolean;
  /** Whether SIPWS's requests are taken. */
  readonly sipws?: boolean | undefined;
  /** From one address; 0: any number. */
  readonly requestsPerSecond: number;
  readonly webhooks: readonly WebhookSettings[];
}
