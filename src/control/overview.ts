/** What `siproc top` shows, and metrics are made of: a server's state and what it has counted since its start. */
import type { Family } from "./metrics/exposition.ts";
import type { Status } from "./status.ts";

export interface Overview {
  /** ms since 1970. */
  readonly time: number;
  readonly status: Status;
  /** Requests that came, by method, repetitions included. */
  readonly requests: Readonly<Record<string, number>>;
  /** Final responses that we gave. */
  readonly answers: readonly CodeCount[];
  /** What became of requests of ours: 408 nobody answered, 503 it could not be sent. */
  readonly results: readonly CodeCount[];
  readonly calls: { readonly begun: number; readonly answered: number; readonly refused: number };
  /** Of calls that handlers have: RTP packets that came, that were sent, and that were lost on their way to us. */
  readonly packets: { readonly received: number; readonly sent: number; readonly lost: number };
  /** Who sent most requests and responses a second, of late; a lower bound where very many do. The busiest first. */
  readonly sources: readonly { readonly source: string; readonly rate: number }[];
  /** ms that the main thread was late at worst since this was last asked. */
  readonly late: number;
}

export interface CodeCount {
  readonly method: string;
  readonly code: number;
  readonly count: number;
}

/** What can be asked of what a server has counted. */
export interface Measures {
  overview(): Overview;
  /** As in the overview, which takes more to make. */
  packets(): Overview["packets"];
  answers(): Overview["answers"];
  /** All metrics, as Prometheus gets them. */
  families(): readonly Family[];
}
