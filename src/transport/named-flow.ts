/** A flow to a host name: what is sent waits, in order, until the name is resolved. */
import type { Address, Flow } from "../sip/flow.ts";
import { failLater } from "./context.ts";
import type { Transport } from "./contract.ts";

interface Waiting {
  bytes: Uint8Array;
  failed: ((reason: string) => void) | undefined;
}

type State =
  | { name: "unresolved" }
  | { name: "resolving"; waiting: Waiting[]; octets: number }
  | { name: "resolved"; flow: Flow };

export type Resolution = { ok: true; flow: Flow } | { ok: false; reason: string };

export class NamedFlow implements Flow {
  readonly #transport: Transport;
  readonly #target: Address;
  readonly #unresolvedLocal: () => Address;
  readonly #resolve: (done: (resolution: Resolution) => void) => void;
  readonly #maxQueued: number;
  #state: State = { name: "unresolved" };

  constructor(options: {
    /** What the flow will be; a Via is made before the name is resolved. */
    transport: Transport;
    target: Address;
    /** What `local` says until the name is resolved. */
    unresolvedLocal: () => Address;
    resolve: (done: (resolution: Resolution) => void) => void;
    maxQueued: number;
  }) {
    this.#transport = options.transport;
    this.#target = options.target;
    this.#unresolvedLocal = options.unresolvedLocal;
    this.#resolve = options.resolve;
    this.#maxQueued = options.maxQueued;
  }

  /** The flow to the address, once that is known. */
  get resolved(): Flow | undefined {
    return this.#state.name === "resolved" ? this.#state.flow : undefined;
  }

  get transport(): Flow["transport"] {
    return this.resolved?.transport ?? this.#transport;
  }

  get reliable(): boolean {
    return this.resolved?.reliable ?? this.#transport !== "udp";
  }

  get id(): string {
    return this.resolved?.id ?? `${this.#transport}:${this.#target.host}:${this.#target.port}`;
  }

  get local(): Address {
    return this.resolved?.local ?? this.#unresolvedLocal();
  }

  /** The name until it is resolved, then the address. */
  get remote(): Address {
    return this.resolved?.remote ?? this.#target;
  }

  send(bytes: Uint8Array, failed?: (reason: string) => void): void {
    switch (this.#state.name) {
      case "resolved":
        this.#state.flow.send(bytes, failed);
        return;
      case "resolving":
        if (this.#state.octets + bytes.length > this.#maxQueued) {
          failLater(failed, `too much waits for ${this.#target.host} to be resolved`, "lost");
          return;
        }
        this.#state.octets += bytes.length;
        this.#state.waiting.push({ bytes, failed });
        return;
      case "unresolved": {
        const waiting = [{ bytes, failed }];
        this.#state = { name: "resolving", waiting, octets: bytes.length };
        this.#resolve((resolution) => this.#settle(waiting, resolution));
      }
    }
  }

  #settle(waiting: readonly Waiting[], resolution: Resolution): void {
    if (resolution.ok) {
      this.#state = { name: "resolved", flow: resolution.flow };
      for (const { bytes, failed } of waiting) resolution.flow.send(bytes, failed);
      return;
    }
    this.#state = { name: "unresolved" };
    for (const { failed } of waiting) failLater(failed, resolution.reason, "lost");
  }
}
