/** DNS for tests: a client that answers from a table, in virtual time, and a server on a real socket that can misbehave. */
import { createServer, type Server, type Socket } from "node:net";
import { type Answer, decode, encode, type Packet } from "dns-packet";
import type { Clock } from "../../src/sip/clock.ts";
import type { Address } from "../../src/sip/flow.ts";
import type { DnsClient, DnsRecord, RecordType, Reply } from "../../src/transport/resolve/index.ts";
import { bindUdp, type UdpSocket } from "../../src/udp.ts";

export const a = (address: string): DnsRecord => ({ type: "A", address });
export const aaaa = (address: string): DnsRecord => ({ type: "AAAA", address });
export const srv = (target: string, port = 5060, priority = 10, weight = 0): DnsRecord => ({
  type: "SRV",
  priority,
  weight,
  port,
  target,
});
export const naptr = (service: string, replacement: string, order = 10, preference = 10): DnsRecord => ({
  type: "NAPTR",
  order,
  preference,
  flags: "s",
  service,
  replacement,
});

/** What is under "TYPE name"; a number is a delay in ms before it. What is not there does not exist. */
export type Zone = Record<
  string,
  readonly DnsRecord[] | "failed" | "silent" | { after: number; records: readonly DnsRecord[] }
>;

/** Answers from a table; what it was asked stands in `asked`. */
export class FakeDns implements DnsClient {
  readonly asked: string[] = [];
  readonly #clock: Clock;
  zone: Zone;

  constructor(clock: Clock, zone: Zone) {
    this.#clock = clock;
    this.zone = zone;
  }

  query(name: string, type: RecordType, done: (reply: Reply) => void): void {
    const key = `${type} ${name}`;
    this.asked.push(key);
    const found = Object.hasOwn(this.zone, key) ? this.zone[key] : [];
    if (found === "silent") return;
    if (found === "failed") return done({ kind: "failed", reason: "server failure" });
    const records = found === undefined ? [] : "records" in found ? found.records : found;
    const reply: Reply = records.length > 0 ? { kind: "records", records, ttl: 60 } : { kind: "none", ttl: 60 };
    if (found !== undefined && "after" in found) this.#clock.after(found.after, () => done(reply));
    else done(reply);
  }

  close(): void {}
}

/** What a server does with a query: answers of its own, or octets, or nothing. */
export type Behaviour = (query: Packet, way: "udp" | "tcp") => Packet | Uint8Array | readonly Uint8Array[] | undefined;

/** A DNS server on 127.0.0.1, the same port for UDP and TCP. */
export class FakeDnsServer {
  readonly address: Address;
  /** "A www.example.com" for each query. */
  readonly asked: string[] = [];
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #sockets = new Set<Socket>();
  /** Sends from elsewhere than the port that was asked. */
  strangers: UdpSocket | undefined;
  #wake: (() => void)[] = [];

  static async open(behave: Behaviour): Promise<FakeDnsServer> {
    for (;;) {
      let own: FakeDnsServer | undefined;
      const udp = await bindUdp({
        host: "127.0.0.1",
        port: 0,
        guarded: false,
        onPacket: (octets, port, host) => own?.receive(octets, port, host),
      });
      const tcp = createServer((socket) => own?.accept(socket));
      const bound = await new Promise<boolean>((resolve) => {
        tcp.once("error", () => resolve(false));
        tcp.listen(udp.port, "127.0.0.1", () => resolve(true));
      });
      if (bound) {
        own = new FakeDnsServer(udp, tcp, behave);
        return own;
      }
      udp.close();
    }
  }

  readonly #behave: Behaviour;
  #last: Address | undefined;

  private constructor(udp: UdpSocket, tcp: Server, behave: Behaviour) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.#behave = behave;
    this.address = { host: "127.0.0.1", port: udp.port };
  }

  receive(octets: Uint8Array, port: number, host: string): void {
    this.#last = { host, port };
    for (const reply of this.#answer(octets, "udp")) (this.strangers ?? this.#udp).send(reply, port, host);
    this.#told();
  }

  accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (octets: Buffer) => {
      for (const reply of this.#answer(octets.subarray(2), "tcp")) {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([length, reply]));
      }
      this.#told();
    });
  }

  #answer(octets: Uint8Array, way: "udp" | "tcp"): readonly Uint8Array[] {
    const query = decode(Buffer.from(octets));
    const question = query.questions?.[0];
    this.asked.push(`${question?.type} ${question?.name}`);
    const behaved = this.#behave(query, way);
    if (behaved === undefined) return [];
    if (behaved instanceof Uint8Array) return [behaved];
    return "length" in behaved ? behaved : [encode(behaved)];
  }

  /** A reply that comes when the test likes. */
  send(late: Packet): void {
    if (this.#last !== undefined) this.#udp.send(encode(late), this.#last.port, this.#last.host);
  }

  #told(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Resolves when `count` queries have come in all, and the replies to them are out. */
  async heard(count: number): Promise<void> {
    while (this.asked.length < count) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  close(): void {
    this.#udp.close();
    this.strangers?.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#tcp.close();
  }
}

/** The reply to `query` with these records. */
export function reply(query: Packet, answers: Answer[], parts: Packet & { rcode?: number } = {}): Packet {
  const { rcode = 0, flags = 0, ...rest } = parts;
  return {
    type: "response",
    ...(query.id === undefined ? {} : { id: query.id }),
    flags: flags | rcode,
    questions: query.questions ?? [],
    answers,
    ...rest,
  };
}

/** For the authority section of a reply that says no (RFC 2308). */
export const soa = (minimum: number, ttl = 3600): Answer => ({
  type: "SOA",
  name: "example.com",
  ttl,
  data: { mname: "ns.example.com", rname: "root.example.com", serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
});
