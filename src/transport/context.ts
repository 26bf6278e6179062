/** What each transport is given by the layer: limits, time, and the guarded way up. */
import type { Log } from "../log.ts";
import type { Clock } from "../sip/clock.ts";
import type { Address, Flow } from "../sip/flow.ts";
import type { ParseFailure, Request, Response } from "../sip/message.ts";
import type { Tap, TransportEvents, TransportLimits } from "./contract.ts";

export interface TransportContext {
  readonly log: Log;
  readonly clock: Clock;
  readonly limits: Readonly<TransportLimits>;
  readonly deliver: Delivery;
  /** Whether this IP address may speak to us. */
  readonly admit: (source: string) => boolean;
  /** `bound` as `remote` reaches it: itself unless it is a wildcard. */
  localToward(bound: Address, remote: string): Address;
}

/** `connect`: the peer was never reached. `lost`: it was, or the octets were refused on our side. */
export type FailureKind = "connect" | "lost";
export type Failed = (reason: string, kind: FailureKind) => void;

/** Tells a sender of its failure after the call that sent, so that `send` never calls back into its caller. */
export function failLater(failed: Failed | undefined, reason: string, kind: FailureKind): void {
  if (failed !== undefined) queueMicrotask(() => failed(reason, kind));
}

/** The layer's user, behind a guard: what it throws is logged and ends neither a socket's loop nor the process (R1). */
export class Delivery {
  /** Sees all that comes and goes; undefined: nobody looks. */
  tap: Tap | undefined;
  readonly #events: TransportEvents;
  readonly #log: Log;

  constructor(events: TransportEvents, log: Log) {
    this.#events = events;
    this.#log = log;
  }

  message(message: Request | Response, flow: Flow): void {
    try {
      if (this.tap !== undefined) this.tap.received(message.bytes(), flow);
      this.#events.message(message, flow);
    } catch (error) {
      this.threw(error, flow);
    }
  }

  failure(failure: ParseFailure, flow: Flow): void {
    try {
      this.#events.failure(failure, flow);
    } catch (error) {
      this.threw(error, flow);
    }
  }

  closed(flow: Flow): void {
    try {
      this.#events.closed(flow);
    } catch (error) {
      this.threw(error, flow);
    }
  }

  threw(error: unknown, flow: Flow): void {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log.error("a received message could not be handled", { flow: flow.id, reason });
  }
}
