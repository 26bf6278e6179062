/** A relay backend that moves nothing and notes what it is told. */
import type {
  RelayBackend,
  RelayLine,
  RelayPeer,
  RelaySession,
  RelaySide,
  RelayStats,
} from "../../src/routing/media-relay-seam.ts";

const nothing: RelayStats = { age: 0, lines: [] };

export class FakeRelaySession implements RelaySession {
  readonly lines: (RelayLine | undefined)[] = [];
  readonly hosts: Readonly<Record<RelaySide, string>>;
  /** What is known of each side, by m-line: "a0". */
  readonly peers = new Map<string, RelayPeer | undefined>();
  idle = 0;
  over = false;
  ended: RelaySession["ended"] = () => {};
  readonly #backend: FakeRelay;

  constructor(backend: FakeRelay, hosts: Readonly<Record<RelaySide, string>>) {
    this.#backend = backend;
    this.hosts = hosts;
  }

  open(line: number): boolean {
    if (this.lines[line] !== undefined) return true;
    if (this.#backend.pairs < 2) return false;
    this.#backend.pairs -= 2;
    const port = this.#backend.nextPort;
    this.#backend.nextPort += 4;
    this.lines[line] = {
      a: { rtpPort: port, rtcpPort: port + 1 },
      b: { rtpPort: port + 2, rtcpPort: port + 3 },
    };
    return true;
  }

  configure(line: number, side: RelaySide, peer: RelayPeer | undefined): void {
    this.peers.set(`${side}${line}`, peer);
    this.#backend.configured++;
  }

  expect(idle: number): void {
    this.idle = idle;
  }

  close(): void {
    this.end("closed");
  }

  end(reason: "closed" | "timeout" | "failed"): void {
    if (this.over) return;
    this.over = true;
    this.ended(nothing, reason);
  }

  stats(): Promise<RelayStats> {
    return Promise.resolve(nothing);
  }

  /** Where a side's packets go: "192.0.2.9:4000". */
  to(side: RelaySide, line = 0): string | undefined {
    const remote = this.peers.get(`${side}${line}`)?.remote;
    return remote === undefined ? undefined : `${remote.host}:${remote.port}`;
  }
}

export class FakeRelay implements RelayBackend {
  readonly sessions: FakeRelaySession[] = [];
  /** Ports and sessions that are left. */
  pairs = 1000;
  left = 1000;
  nextPort = 30_000;
  configured = 0;

  relay({ a, b }: { a: { host: string }; b: { host: string } }): FakeRelaySession | undefined {
    if (this.left-- <= 0) return undefined;
    const session = new FakeRelaySession(this, { a: a.host, b: b.host });
    this.sessions.push(session);
    return session;
  }

  session(index = 0): FakeRelaySession {
    const session = this.sessions[index];
    if (session === undefined) throw new TypeError(`there is no session ${index}`);
    return session;
  }

  get open(): number {
    return this.sessions.filter(({ over }) => !over).length;
  }
}
