/**
 * Asks DNS servers: each in turn, those that were silent lately last, over TCP what is too long for a datagram. A
 * question costs a socket or two for as long as it takes; how many there are at a time is bounded.
 */
import type { Clock, Timer } from "../../sip/clock.ts";
import type { Address } from "../../sip/flow.ts";
import type { Random } from "../../sip/random.ts";
import { formatAddress } from "../address.ts";
import type { DnsClient, RecordType, Reply } from "./contract.ts";
import { type Exchange, overTcp, overUdp, type Stop } from "./exchange.ts";
import { encodeQuery, type Meaning, maxAliases, readReply, withId } from "./message.ts";

export interface DnsClientOptions {
  clock: Clock;
  random: Random;
  /** Asked anew for each question: the system's may change. IP literals. */
  servers: () => readonly Address[];
  /** How long a server is waited for before the next one is asked, in ms; half-way the question is sent to it again. */
  patience: number;
  /** Questions at a time; for one more, the oldest is given up. */
  maxQuestions?: number;
  udp?: Exchange;
  tcp?: Exchange;
}

interface Server {
  /** Goes last until then: it was silent, or its port is closed. */
  avoidedUntil: number;
  /** Understands no EDNS (RFC 6891 §7). */
  plain: boolean;
}

const avoidedFor = 10_000;
const maxServers = 3;
/** Junk that is read for one query before it is given up: somebody guesses (RFC 5452 §9.3). */
const maxIgnored = 50;

export class ServerClient implements DnsClient {
  readonly #options: DnsClientOptions;
  readonly #servers = new Map<string, Server>();
  /** In the order in which they were asked. */
  readonly #questions = new Set<Question>();
  #closed = false;

  constructor(options: DnsClientOptions) {
    this.#options = options;
  }

  query(name: string, type: RecordType, done: (reply: Reply) => void): void {
    if (this.#closed) return done({ kind: "failed", reason: "name resolution is closed" });
    const { clock, patience, maxQuestions = 512 } = this.#options;
    for (const oldest of this.#questions) {
      if (this.#questions.size < maxQuestions) break;
      oldest.settle({ kind: "failed", reason: "too many names are to be resolved" });
    }
    const servers = this.#options.servers().slice(0, maxServers);
    if (servers.length === 0) return done({ kind: "failed", reason: "there is no DNS server to ask" });
    const now = clock.now();
    const avoided = (server: Address) => this.#server(server).avoidedUntil > now;
    const question: Question = new Question({
      options: this.#options,
      attempts: [
        ...servers
          .filter((server) => !avoided(server))
          .flatMap((server) => [
            { server, patience: patience / 2 },
            { server, patience: patience / 2 },
          ]),
        ...servers.filter(avoided).map((server) => ({ server, patience: patience / 4 })),
      ],
      stateOf: (server) => this.#server(server),
      name,
      type,
      done: (reply) => {
        this.#questions.delete(question);
        done(reply);
      },
    });
    this.#questions.add(question);
    question.start();
  }

  close(): void {
    this.#closed = true;
    for (const question of [...this.#questions])
      question.settle({ kind: "failed", reason: "name resolution is closed" });
  }

  #server(address: Address): Server {
    const key = formatAddress(address);
    let server = this.#servers.get(key);
    if (server === undefined) {
      // The system's servers change with its networks: a few are remembered, not all that there ever were.
      if (this.#servers.size >= 20) this.#servers.clear();
      server = { avoidedUntil: 0, plain: false };
      this.#servers.set(key, server);
    }
    return server;
  }
}

interface QuestionParts {
  readonly options: DnsClientOptions;
  /** Whom to ask, one after the other, with the ms until the next. What comes later is taken all the same. */
  readonly attempts: readonly { readonly server: Address; readonly patience: number }[];
  readonly stateOf: (server: Address) => Server;
  readonly name: string;
  readonly type: RecordType;
  readonly done: (reply: Reply) => void;
}

/** One question until its reply. */
class Question {
  readonly #given: QuestionParts;
  #name: string;
  #aliases = 0;
  #next = 0;
  #stops: Stop[] = [];
  #timer: Timer | undefined;
  #ignored = 0;
  #complaint = "no DNS server answers";
  #settled = false;
  #ttl = Number.POSITIVE_INFINITY;

  constructor(given: QuestionParts) {
    this.#given = given;
    this.#name = given.name;
  }

  start(): void {
    this.#attempt(undefined);
  }

  settle(reply: Reply): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#stop();
    this.#given.done(reply);
  }

  #stop(): void {
    this.#timer?.cancel();
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** Asks the next server, but not `tired`, which has said that it does not know. */
  #attempt(tired: Address | undefined): void {
    this.#timer?.cancel();
    const { attempts, options, stateOf } = this.#given;
    while (tired !== undefined && attempts[this.#next]?.server === tired) this.#next++;
    const attempt = attempts[this.#next++];
    if (attempt === undefined) {
      const fail = () => this.settle({ kind: "failed", reason: this.#complaint });
      // Another server may still answer.
      if (this.#stops.length === 0 || tired === undefined) fail();
      else this.#timer = options.clock.after(options.patience / 2, fail);
      return;
    }
    const { server, patience } = attempt;
    this.#ask(server, "datagram");
    if (this.#settled) return;
    this.#timer = options.clock.after(patience, () => {
      if (attempts[this.#next]?.server !== server) stateOf(server).avoidedUntil = options.clock.now() + avoidedFor;
      this.#attempt(undefined);
    });
  }

  #ask(server: Address, way: "datagram" | "stream"): void {
    const { options, type, stateOf } = this.#given;
    const exchange = way === "datagram" ? (options.udp ?? overUdp) : (options.tcp ?? overTcp);
    const name = this.#name;
    const { plain } = stateOf(server);
    const unnumbered = encodeQuery(name, type, !plain);
    if (unnumbered === undefined) return this.settle({ kind: "none", ttl: 0 });
    const query = withId(unnumbered, Number.parseInt(options.random.token(2), 16));
    let over = false;
    let stop: Stop = () => {};
    const finish = () => {
      over = true;
      stop();
      this.#stops = this.#stops.filter((other) => other !== stop);
    };
    stop = exchange(server, query, {
      message: (octets) => {
        if (over || this.#settled) return;
        const meaning = readReply(octets, query, name, type);
        if (meaning.kind === "ignore") {
          if (++this.#ignored > maxIgnored) this.settle({ kind: "failed", reason: "somebody forges replies" });
          return;
        }
        finish();
        stateOf(server).avoidedUntil = 0;
        this.#take(meaning, server, way, plain);
      },
      failed: (reason) => {
        if (over || this.#settled) return;
        finish();
        this.#complain(server, reason);
        stateOf(server).avoidedUntil = options.clock.now() + avoidedFor;
        this.#attempt(server);
      },
    });
    if (over) stop();
    else this.#stops.push(stop);
  }

  #take(
    meaning: Exclude<Meaning, { kind: "ignore" }>,
    server: Address,
    way: "datagram" | "stream",
    plain: boolean,
  ): void {
    switch (meaning.kind) {
      case "records":
      case "none":
        return this.settle({ ...meaning, ttl: Math.min(meaning.ttl, this.#ttl) });
      case "alias":
        if (++this.#aliases > maxAliases)
          return this.settle({ kind: "failed", reason: "the name is an alias of an alias, and so on" });
        this.#stop();
        this.#name = meaning.name;
        this.#ttl = Math.min(this.#ttl, meaning.ttl);
        this.#next = 0;
        return this.#attempt(undefined);
      case "truncated":
        if (way === "datagram") return this.#ask(server, "stream");
        this.#complain(server, "the reply is cut off");
        return this.#attempt(server);
      case "plain":
        if (!plain) {
          this.#given.stateOf(server).plain = true;
          return this.#ask(server, way);
        }
        this.#complain(server, "it does not understand the query");
        return this.#attempt(server);
      case "failed":
        this.#complain(server, meaning.reason);
        return this.#attempt(server);
    }
  }

  #complain(server: Address, reason: string): void {
    this.#complaint = `DNS server ${formatAddress(server)}: ${reason}`;
  }
}
