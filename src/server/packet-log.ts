/** Which sessions of the media worker carried which calls, so that the headers of their packets are found by Call-ID. */

import type { Config } from "../config/config.ts";
import type { Datagram } from "../control/capture/pcap.ts";
import { defaultCapture } from "../control/keeping.ts";
import type { PacketHeader } from "../media/index.ts";

/** Calls that are remembered, those that are over among them. */
const mostCalls = 5000;
/** Sessions of one call. */
const mostSessions = 32;

/** Octets for the headers of packets. They are those of the first configuration. */
export function packetsSize({ capture, control }: Config): number {
  return capture.packets ?? (control === undefined ? 0 : defaultCapture.packets);
}

/** A thread that has sessions. */
export interface PacketSource {
  packets?(sessions: ReadonlySet<number>): Promise<PacketHeader[]>;
}

export class PacketLog {
  readonly #source: PacketSource;
  /** By Call-ID, who was noted last comes last. */
  readonly #sessions = new Map<string, Set<number>>();

  constructor(source: PacketSource) {
    this.#source = source;
  }

  /** That session carries this call. */
  note(callId: string, session: number | undefined): void {
    if (session === undefined) return;
    const known = this.#sessions.get(callId) ?? new Set();
    this.#sessions.delete(callId);
    if (known.size < mostSessions) known.add(session);
    this.#sessions.set(callId, known);
    if (this.#sessions.size <= mostCalls) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      return;
    }
  }

  /** The headers that are kept of these calls' packets. @param calls our address in each, by Call-ID */
  async of(calls: ReadonlyMap<string, string>): Promise<Datagram[]> {
    const hosts = new Map<number, string>();
    for (const [callId, host] of calls)
      for (const session of this.#sessions.get(callId) ?? []) hosts.set(session, host);
    if (hosts.size === 0 || this.#source.packets === undefined) return [];
    const packets = await this.#source.packets(new Set(hosts.keys()));
    return packets.map(({ at, session, direction, localPort, remote, length, header }): Datagram => {
      const local = { host: hosts.get(session) ?? "0.0.0.0", port: localPort };
      const [from, to] = direction === "sent" ? [local, remote] : [remote, local];
      return { at, from, to, payload: header, length };
    });
  }
}
