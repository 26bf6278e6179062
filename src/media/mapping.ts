/**
 * Under which addresses a NAT shows our free ports to the world. STUN servers are asked from each pair of ports before a call
 * takes it, and again every while, since a NAT forgets; a call's own packets keep its ports open.
 */
import { lookup } from "node:dns/promises";
import { canonicalHost } from "./address.ts";
import { readBinding, writeBinding } from "./ice/binding.ts";
import type { PacerClock } from "./pacer.ts";
import type { PortPair } from "./ports.ts";
import type { Receiving } from "./transport/transport.ts";
import type { Family, MappedPorts, StunServer } from "./types.ts";

/** A NAT forgets what was silent for 30 s (RFC 4787 §4.3 asks for two minutes, and many give less), ms. */
const refresh = 20_000;
/** A question is asked again after so many ms, so often; then another server is asked. */
const again = 500;
const tries = 4;
/** All servers have failed: ms until they are asked anew. */
const rest = 30_000;
/** Names are looked up anew after so many ms. */
const namesHold = 300_000;
/** Questions in one turn: what is free is not all asked about at once. */
const atOnce = 8;
const turn = 50;

interface Server {
  readonly host: string;
  readonly port: number;
}

export interface MappingWorld {
  readonly clock: PacerClock;
  random(): number;
  /** A pair's addresses are known, or are not any more. */
  told(pair: PortPair, mapped: MappedPorts | undefined): void;
  failed(reason: string): void;
}

/** One socket's question. */
class Question {
  readonly ask: (datagram: Uint8Array, port: number, host: string) => unknown;
  due: number;
  tried = 0;
  server = 0;
  transaction: Uint8Array | undefined;
  to: Server | undefined;
  found: { readonly host: string; readonly port: number } | undefined;

  constructor(ask: Question["ask"], due: number) {
    this.ask = ask;
    this.due = due;
  }
}

class Probe implements Receiving {
  readonly questions: readonly [rtp: Question, rtcp: Question];
  told: string | undefined;
  readonly #answered: () => void;

  constructor(pair: PortPair, now: number, answered: () => void) {
    this.#answered = answered;
    const { rtp, rtcp } = pair;
    this.questions = [
      new Question((datagram, port, host) => rtp.send(datagram, port, host), now),
      new Question((datagram, port, host) => rtcp.send(datagram, port, host), now),
    ];
  }

  receiveRtp(packet: Uint8Array, port: number, host: string): void {
    this.#take(this.questions[0], packet, port, host);
  }

  receiveRtcp(packet: Uint8Array, port: number, host: string): void {
    this.#take(this.questions[1], packet, port, host);
  }

  #take(question: Question, packet: Uint8Array, port: number, host: string): void {
    const { transaction, to } = question;
    if (transaction === undefined || to?.host !== host || to.port !== port) return;
    const found = readBinding(packet, transaction);
    if (found === undefined) return;
    question.transaction = undefined;
    question.found = found;
    this.#answered();
  }

  get mapped(): MappedPorts | undefined {
    const [rtp, rtcp] = this.questions;
    if (rtp.found === undefined || rtcp.found === undefined) return undefined;
    return { host: rtp.found.host, rtpPort: rtp.found.port, rtcpPort: rtcp.found.port };
  }
}

export class Mapping {
  readonly #world: MappingWorld;
  readonly #named: readonly StunServer[];
  readonly #servers: Record<Family, readonly Server[]> = { ipv4: [], ipv6: [] };
  readonly #probes = new Map<PortPair, Probe>();
  #timer: { cancel(): void } | undefined;
  #lookedUp: number | undefined;
  #complained = false;
  #over = false;

  constructor(servers: readonly StunServer[], world: MappingWorld) {
    this.#named = servers;
    this.#world = world;
  }

  /** Asks about a free pair from now on. */
  watch(pair: PortPair): void {
    if (this.#named.length === 0 || this.#over) return;
    const probe = new Probe(pair, this.#world.clock.now(), () => this.#answered(pair, probe));
    this.#probes.set(pair, probe);
    pair.user = probe;
    this.#wake();
  }

  /** A call takes the pair. */
  leave(pair: PortPair): void {
    this.#probes.delete(pair);
  }

  close(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#probes.clear();
  }

  #wake(): void {
    if (this.#over) return;
    this.#timer ??= this.#world.clock.after(turn, () => {
      this.#timer = undefined;
      this.#turn();
      if (this.#probes.size > 0) this.#wake();
    });
  }

  #turn(): void {
    const now = this.#world.clock.now();
    if (this.#lookedUp === undefined || now - this.#lookedUp > namesHold) {
      this.#lookedUp = now;
      this.#find();
    }
    let asked = 0;
    for (const [pair, probe] of this.#probes)
      for (const question of probe.questions) {
        if (question.due > now || asked >= atOnce) continue;
        const servers = this.#servers[pair.family];
        if (servers.length === 0) continue;
        asked++;
        this.#ask(pair, probe, question, servers, now);
      }
  }

  #ask(pair: PortPair, probe: Probe, question: Question, servers: readonly Server[], now: number): void {
    if (question.transaction === undefined) question.tried = 0;
    else if (question.tried >= tries) {
      question.tried = 0;
      question.server++;
      if (question.server % servers.length === 0) {
        question.transaction = undefined;
        question.found = undefined;
        question.due = now + rest;
        this.#tell(pair, probe);
        return this.#complain(servers);
      }
    }
    question.tried++;
    const to = servers[question.server % servers.length];
    if (to === undefined) return;
    // What is asked again is asked under another name: a late answer of the one before is no harm, and none is waited for.
    question.transaction = Uint8Array.from({ length: 12 }, () => this.#world.random() & 255);
    question.to = to;
    question.due = now + again;
    question.ask(writeBinding(question.transaction), to.port, to.host);
  }

  #answered(pair: PortPair, probe: Probe): void {
    const now = this.#world.clock.now();
    for (const question of probe.questions)
      if (question.transaction === undefined && question.found !== undefined && question.due < now + again + 1)
        // Spread, so that those which were bound together are not asked together.
        question.due = now + refresh * (0.75 + (this.#world.random() >>> 0) / 0x400000000);
    this.#complained = false;
    this.#tell(pair, probe);
  }

  #tell(pair: PortPair, probe: Probe): void {
    const { mapped } = probe;
    const told = JSON.stringify(mapped);
    if (told === probe.told) return;
    probe.told = told;
    this.#world.told(pair, mapped);
  }

  #complain(servers: readonly Server[]): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#world.failed(`no answer from ${servers.map(({ host, port }) => `${host}:${port}`).join(", ")}`);
  }

  /** Addresses count at once; names when they are looked up. */
  #find(): void {
    const found: Record<Family, Server[]> = { ipv4: [], ipv6: [] };
    const add = (address: string, port: number) => {
      const host = canonicalHost(address);
      if (host !== undefined) found[host.includes(":") ? "ipv6" : "ipv4"].push({ host, port });
    };
    const names = this.#named.filter(({ host }) => canonicalHost(host) === undefined);
    for (const { host, port } of this.#named) add(host, port);
    this.#use(found);
    if (names.length === 0) return;
    void Promise.all(
      names.map(({ host, port }) =>
        lookup(host, { all: true }).then(
          (addresses) => {
            for (const { address } of addresses) add(address, port);
          },
          (error) => this.#world.failed(`${host} cannot be found: ${error}`),
        ),
      ),
    ).then(() => this.#use(found));
  }

  /** What was found before is better than nothing. */
  #use(found: Readonly<Record<Family, readonly Server[]>>): void {
    for (const family of ["ipv4", "ipv6"] as const)
      if (found[family].length > 0) this.#servers[family] = found[family].slice(0, 8);
  }
}
