/** What the media worker and the decoding thread say to each other. */

export type ToDecoder =
  /** Decode that file to mono sound at `rate` Hz; answered by `sound` again and again, then by `end` or `failed`. */
  | { type: "open"; id: number; path: string; rate: number }
  /** The last `sound` was taken: the next may come. */
  | { type: "next"; id: number }
  | { type: "cancel"; id: number };

export type FromDecoder =
  | { type: "sound"; id: number; samples: Int16Array }
  | { type: "end"; id: number }
  | { type: "failed"; id: number; reason: string };
