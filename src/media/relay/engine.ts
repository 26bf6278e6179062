/** The relay's worker: pairs of ports, and the sessions that have them. */
import { isOwnAddress } from "../address.ts";
import { mostPackets, PacketRing } from "../packet-ring.ts";
import { pairsIn } from "../ports.ts";
import type { Family } from "../types.ts";
import type { FromRelay, PairName, ToRelay } from "./protocol.ts";
import { type Pair, RelayedSession } from "./session.ts";
import type { Receiver, RelaySocket, Sockets } from "./socket.ts";
import { BunSockets } from "./sockets-bun.ts";
import { LibcSockets } from "./sockets-libc.ts";
import type { EndReason } from "./types.ts";

/** How often dead sessions are looked for, ms. */
const sweepEvery = 1000;

/** This process may have no more sockets, or nobody may. */
const noDescriptors: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);

const noPackets = { rows: new Uint8Array(), hosts: [] };

interface Entry {
  readonly session: RelayedSession;
  readonly pairs: PairName[];
}

export class RelayWorker {
  readonly #post: (message: FromRelay) => void;
  readonly #now: () => number;
  readonly #sockets: Sockets;
  readonly #first: number;
  readonly #pairsInRange: number;
  readonly #own: ReadonlySet<string>;
  /** The last packets' headers, if they are kept. */
  readonly #packets: PacketRing | undefined;
  /** Per family, how many pairs were tried, from the end of the range. */
  readonly #tried: Record<Family, number> = { ipv4: 0, ipv6: 0 };
  readonly #bound = new Map<string, Pair>();
  readonly #sessions = new Map<number, Entry>();
  /** Ports that carry sessions. */
  readonly #busy = new Set<number>();
  readonly #sweep: ReturnType<typeof setInterval>;

  constructor(start: ToRelay & { type: "relay" }, now: () => number, post: (message: FromRelay) => void) {
    this.#post = post;
    this.#now = now;
    this.#first = start.ports[0] + (start.ports[0] % 2);
    this.#pairsInRange = pairsIn(...start.ports);
    this.#own = new Set(start.own);
    this.#packets = start.packets > 0 ? new PacketRing(start.packets, () => performance.timeOrigin + now()) : undefined;
    const failed = (receiver: Receiver, error: unknown) => this.#failed(receiver, error);
    const libc = start.sockets === "libc" ? LibcSockets.open(failed, start.stale) : undefined;
    this.#sockets = libc ?? new BunSockets(failed);
    const { wakePort, descriptors } = this.#sockets;
    this.#post({ type: "ready", wakePort, descriptors });
    this.#sweep = setInterval(() => this.sweep(), sweepEvery);
  }

  receive(message: ToRelay): void {
    switch (message.type) {
      case "relay":
        return;
      case "grow":
        void this.#grow(message.family, message.count);
        return;
      case "open":
        this.#open(message);
        return;
      case "configure":
        this.#sessions.get(message.session)?.session.configure(message.line, message.side, message.peer ?? undefined);
        return;
      case "expect":
        this.#sessions.get(message.session)?.session.expect(message.idle, this.#now());
        return;
      case "stats": {
        const stats = this.#sessions.get(message.session)?.session.stats(this.#now());
        this.#post({ type: "stats", question: message.question, stats: stats ?? null });
        return;
      }
      case "close":
        this.#close(message.session, "closed");
        return;
      case "packets": {
        const { rows, hosts } = this.#packets?.of(new Set(message.sessions), mostPackets) ?? noPackets;
        return this.#post({ type: "packets", question: message.question, rows: rows.toBase64(), hosts });
      }
      case "end":
        this.#end();
    }
  }

  async #grow(family: Family, count: number): Promise<void> {
    const ports: number[] = [];
    const descriptors: number[] = [];
    let failure: string | undefined;
    while (ports.length < count && this.#tried[family] < this.#pairsInRange) {
      const port = this.#first + 2 * (this.#pairsInRange - 1 - this.#tried[family]++);
      const pair = await this.#bind(family, port);
      if (typeof pair === "string") {
        failure = pair;
        if (!noDescriptors.has(pair)) continue;
        // Not this port's fault.
        this.#tried[family]--;
        break;
      }
      this.#bound.set(`${family} ${port}`, pair);
      ports.push(port);
      for (const { descriptor } of [pair.rtp, pair.rtcp]) if (descriptor !== undefined) descriptors.push(descriptor);
    }
    this.#post({ type: "ports", family, asked: count, ports, descriptors, failure });
  }

  async #bind(family: Family, port: number): Promise<Pair | string> {
    const rtp = await this.#sockets.bind(family, port);
    if (typeof rtp === "string") return rtp;
    const rtcp = await this.#sockets.bind(family, port + 1);
    if (typeof rtcp !== "string") return { rtp, rtcp };
    rtp.close();
    return rtcp;
  }

  #open({ session: id, line, a, b, idle }: ToRelay & { type: "open" }): void {
    const sides = [a, b].map(({ family, rtpPort }) => this.#bound.get(`${family} ${rtpPort}`));
    const [pairA, pairB] = sides;
    if (pairA === undefined || pairB === undefined) return;
    let entry = this.#sessions.get(id);
    if (entry === undefined) {
      const isRelay = (host: string, port: number) =>
        this.#busy.has(port) && (this.#own.has(host) || isOwnAddress(host) || host.startsWith("127."));
      entry = { session: new RelayedSession(this.#now(), idle, isRelay), pairs: [] };
      this.#sessions.set(id, entry);
      this.#sockets.run(true);
    }
    entry.pairs.push(a, b);
    for (const socket of socketsOf([pairA, pairB])) this.#busy.add(socket.port);
    entry.session.open(line, pairA, pairB, this.#packets && { ring: this.#packets, session: id });
  }

  #close(id: number, reason: EndReason): void {
    const entry = this.#sessions.get(id);
    if (entry === undefined) return;
    this.#sessions.delete(id);
    const stats = entry.session.stats(this.#now());
    for (const socket of socketsOf(entry.session.close())) this.#busy.delete(socket.port);
    this.#post({ type: "over", session: id, stats, reason, pairs: entry.pairs });
    if (this.#sessions.size === 0) this.#sockets.run(false);
  }

  /** Ends the sessions on which nothing has come for too long. */
  sweep(): void {
    const now = this.#now();
    for (const [id, { session }] of this.#sessions) if (session.isOver(now)) this.#close(id, "timeout");
  }

  /** A fault of ours at one datagram ends that session alone. */
  #failed(receiver: Receiver, error: unknown): void {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#post({ type: "log", level: "error", message: "a relayed session failed and is ended", reason });
    for (const [id, { session }] of this.#sessions) if (session.owns(receiver)) this.#close(id, "failed");
  }

  #end(): void {
    clearInterval(this.#sweep);
    for (const id of [...this.#sessions.keys()]) this.#close(id, "closed");
    for (const socket of socketsOf([...this.#bound.values()])) socket.close();
    this.#bound.clear();
    this.#sockets.close();
    this.#post({ type: "done" });
  }
}

function socketsOf(pairs: readonly Pair[]): RelaySocket[] {
  return pairs.flatMap(({ rtp, rtcp }) => [rtp, rtcp]);
}
