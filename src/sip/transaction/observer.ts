/** Who is told what transactions came to: for metrics. It must cost little, and must not throw. */
export interface TransactionObserver {
  /** A request got its final response from us. `ms`: how long it took; undefined: it was answered without a transaction. */
  served(method: string, status: number, ms: number | undefined): void;
  /** A request was refused with 503, since we have too much to do. */
  refused(method: string): void;
  /** A request of ours got its first final response, or none: 408, nobody answered; 503, it could not be sent. */
  completed(method: string, status: number, ms: number): void;
}
