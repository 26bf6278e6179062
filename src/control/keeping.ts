/** What `records:`, `capture:` and `hep:` of a configuration say: what is kept of calls, and where it is sent. */

export interface RecordSettings {
  /** ms. */
  readonly keep: number;
  readonly most: number;
  /** Absolute path of the file that gets lines of JSON, too. */
  readonly file: string | undefined;
  /** Octets at which that file is put aside. */
  readonly rotate: number;
  /** How many of those put aside are kept. */
  readonly files: number;
}

export interface CaptureSettings {
  /** Octets for messages, and for headers of packets; undefined: as many as the rest of the configuration needs. */
  readonly size: number | undefined;
  readonly packets: number | undefined;
}

export interface HepSettings {
  readonly server: { readonly host: string; readonly port: number };
  /** 32 bits. */
  readonly id: number;
  readonly password: string | undefined;
}

/** Octets that are kept by default where somebody may look, over the API and in the console. */
export const defaultCapture = { size: 16 * 1024 * 1024, packets: 4 * 1024 * 1024 } as const;
