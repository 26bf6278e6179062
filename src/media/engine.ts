/** The worker's side: sessions on their ports, driven by the pacer and by messages of the main thread. */
import { LatenessCount } from "./lateness.ts";
import { Mapping } from "./mapping.ts";
import { Pacer, type PacerClock } from "./pacer.ts";
import { mostPackets, NotedPort, PacketRing } from "./packet-ring.ts";
import { type PortPair, Ports } from "./ports.ts";
import type { ToMain, ToWorker } from "./protocol.ts";
import { Rooms } from "./rooms.ts";
import { Session, type SessionWorld } from "./session.ts";
import { TapPort } from "./tap-port.ts";
import { overTcp, TcpWay } from "./tcp-way.ts";
import { Tracks } from "./tracks.ts";
import { ChosenTransport } from "./transport/chosen-transport.ts";
import { type MediaTransport, seenAbove, type Wire } from "./transport/transport.ts";
import type { Family } from "./types.ts";

interface Entry {
  readonly id: number;
  readonly session: Session;
  readonly transport: MediaTransport;
  readonly pair: PortPair;
  readonly tcp: TcpWay | undefined;
  paced: boolean;
}

export interface EngineWorld {
  clock: PacerClock;
  wall(now: number): number;
  random(): number;
}

export class Engine {
  #post: (message: ToMain) => void;
  #pacer: Pacer;
  #ports: Ports;
  #world: SessionWorld;
  readonly #clock: PacerClock;
  #entries = new Map<number, Entry>();
  readonly #taps: TapPort;
  readonly #mapping: Mapping;
  /** Where browsers may connect; empty unless they may. */
  readonly #tcp = new Map<PortPair, TcpWay>();
  readonly #iceTcp: boolean;
  readonly #rooms = new Rooms();
  /** The last packets' headers, if they are kept. */
  readonly #packets: PacketRing | undefined;

  /** @param postSound takes what taps give out: see `tap-channel.ts` */
  constructor(
    start: ToWorker & { type: "start" },
    world: EngineWorld,
    post: (message: ToMain) => void,
    postSound: (message: Uint8Array) => void = () => {},
  ) {
    this.#post = post;
    this.#taps = new TapPort((session) => this.#entries.get(session)?.session, postSound);
    const failed = (culprit: object, error: unknown) => this.#failed(culprit, error);
    this.#clock = world.clock;
    this.#packets = start.packets > 0 ? new PacketRing(start.packets, () => world.wall(world.clock.now())) : undefined;
    const lateness = new LatenessCount((counted) => post({ type: "late", ...counted }));
    this.#pacer = new Pacer(world.clock, failed, (ms, now) => lateness.note(ms, now));
    this.#ports = new Ports(start.ports, failed);
    this.#iceTcp = start.iceTcp;
    this.#mapping = new Mapping(start.stun, {
      clock: world.clock,
      random: world.random,
      told: ({ family, rtp }, mapped) => post({ type: "mapped", family, rtpPort: rtp.port, mapped }),
      failed: (reason) =>
        post({ type: "log", level: "warn", message: "no STUN server says where we are seen", reason }),
    });
    this.#world = {
      tracks: new Tracks(),
      now: () => world.clock.now(),
      wall: world.wall,
      random: world.random,
      latch: start.latch,
      mediaTimeout: start.mediaTimeout,
    };
  }

  /** Takes a message of taps. */
  receiveSound(message: Uint8Array): void {
    this.#taps.receive(message);
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case "start":
        return;
      case "grow":
        void this.#grow(message.family, message.count);
        return;
      case "open":
        this.#open(message);
        return;
      case "packets": {
        const found = this.#packets?.of(new Set(message.sessions), mostPackets);
        const rows = (found?.rows ?? new Uint8Array()).toBase64();
        return this.#post({ type: "packets", question: message.question, rows, hosts: found?.hosts ?? [] });
      }
      case "end":
        void this.#end();
        return;
      default: {
        const entry = this.#entries.get(message.session);
        if (entry !== undefined) this.#command(entry, message);
      }
    }
  }

  #command(entry: Entry, message: Exclude<ToWorker, { type: "start" | "grow" | "open" | "packets" | "end" }>): void {
    const { session } = entry;
    switch (message.type) {
      case "configure":
        entry.transport.configure(message.configuration, message.certificate);
        return session.configure(seenAbove(message.configuration));
      case "play":
        session.play(message.id, message.file, message.options);
        return;
      case "pause":
        session.pause(message.on);
        return;
      case "seek":
        session.seek(message.milliseconds);
        return;
      case "volume":
        session.volume(message.decibels);
        return;
      case "stop":
        session.stop();
        return;
      case "record":
        session.record(message.file, message.layout, message.options);
        return;
      case "dtmf":
        session.dtmf(message.id, message.digits, message.by);
        return;
      case "echo":
        session.echo(message.on);
        return;
      case "count":
        return this.#post({ type: "event", session: entry.id, event: { type: "counted", stats: session.stats } });
      case "mute":
        session.mute(message.on);
        return;
      case "tone":
        session.tone(message.tone);
        return;
      case "join":
        this.#rooms.join(session, message);
        return;
      case "leave":
        this.#rooms.leave(session, message.announced);
        return;
      case "listen-only":
        if (session.seat !== undefined) session.seat.heard = !message.on;
        return;
      case "close":
        void this.#close(entry);
    }
  }

  async #grow(family: Family, count: number): Promise<void> {
    const ports = await this.#ports.grow(family, count);
    for (const port of ports) this.#prepare(family, this.#ports.get(family, port));
    this.#post({ type: "ports", family, asked: count, ports, failure: this.#ports.failure });
  }

  #prepare(family: Family, pair: PortPair | undefined): void {
    if (pair === undefined) return;
    if (this.#iceTcp) this.#tcp.set(pair, new TcpWay(family, pair.rtp.port, this.#clock));
    this.#watch(pair);
  }

  #watch(pair: PortPair | undefined): void {
    if (pair !== undefined) this.#mapping.watch(pair);
  }

  #open({ session: id, family, rtpPort }: ToWorker & { type: "open" }): void {
    const pair = this.#ports.get(family, rtpPort);
    if (pair === undefined) return;
    const noted = this.#packets && new NotedPort(this.#packets, id, rtpPort);
    const toNetwork = {
      rtp: noted
        ? (packet: Uint8Array, port: number, host: string) => {
            noted.sent(packet, port, host);
            pair.rtp.send(packet, port, host);
          }
        : (packet: Uint8Array, port: number, host: string) => void pair.rtp.send(packet, port, host),
      rtcp: (packet: Uint8Array, port: number, host: string) => void pair.rtcp.send(packet, port, host),
    };
    const tcp = this.#tcp.get(pair);
    const wire = tcp === undefined ? toNetwork : eitherWay(toNetwork, tcp);
    const transport: ChosenTransport = new ChosenTransport(wire, {
      ipv6: family === "ipv6",
      latch: this.#world.latch,
      clock: this.#guarded(() => transport),
      ready: () => this.#pace(id),
      gone: (reason) => this.#post({ type: "event", session: id, event: { type: "gone", reason } }),
    });
    const session = new Session(this.#world, transport, (event) => this.#post({ type: "event", session: id, event }));
    transport.user = session;
    if (tcp !== undefined)
      tcp.user = (packet, port, host) => {
        try {
          transport.receiveRtp(packet, port, host);
        } catch (error) {
          this.#failed(transport, error);
        }
      };
    this.#mapping.leave(pair);
    pair.user = noted === undefined ? transport : noted.before(transport);
    this.#entries.set(id, { id, session, transport, pair, tcp, paced: false });
  }

  /** A session sends from when its peer can hear. */
  #pace(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.paced) return;
    this.#pacer.add(entry.session);
    entry.paced = true;
  }

  /** A clock whose timers, when they throw, end the one session that is theirs. */
  #guarded(culprit: () => object): PacerClock {
    return {
      now: () => this.#clock.now(),
      after: (ms, fire) =>
        this.#clock.after(ms, () => {
          try {
            fire();
          } catch (error) {
            this.#failed(culprit(), error);
          }
        }),
    };
  }

  async #close(entry: Entry): Promise<void> {
    if (!this.#entries.delete(entry.id)) return;
    if (entry.paced) this.#pacer.remove(entry.session);
    this.#rooms.leave(entry.session, false);
    const closing = entry.session.close();
    entry.transport.close();
    entry.tcp?.leave();
    entry.pair.user = undefined;
    this.#watch(entry.pair);
    this.#post({ type: "free", family: entry.pair.family, rtpPort: entry.pair.rtp.port });
    await closing;
  }

  /** A fault of ours in one session ends that session alone. */
  #failed(culprit: object, error: unknown): void {
    const entry = [...this.#entries.values()].find(
      ({ session, transport, pair }) => session === culprit || transport === culprit || pair.user === culprit,
    );
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#post({ type: "log", level: "error", message: "a media session failed and is ended", reason });
    if (entry !== undefined) void this.#close(entry);
  }

  async #end(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => this.#close(entry)));
    this.#mapping.close();
    for (const tcp of this.#tcp.values()) tcp.close();
    this.#ports.close();
    this.#world.tracks.close();
    this.#post({ type: "ended" });
  }
}

/** By connection to those that have one, by datagrams to all others. */
function eitherWay(wire: Wire, tcp: TcpWay): Wire {
  return {
    rtp: (packet, port, host) => {
      if (host.startsWith(overTcp)) tcp.send(packet, port, host);
      else wire.rtp(packet, port, host);
    },
    rtcp: wire.rtcp,
  };
}
