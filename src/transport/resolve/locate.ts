/**
 * From a domain to the places where it takes requests, by the DNS (RFC 3263 §4.1 and §4.2): NAPTR, then SRV, then A and
 * AAAA. What a domain says is used only within bounds: it may have written its records to harm us or others.
 */
import { isLoopback } from "../../ip.ts";
import type { Clock } from "../../sip/clock.ts";
import type { Random } from "../../sip/random.ts";
import { refusesSending } from "../address.ts";
import type { DnsClient, Hop, IpFamily, NaptrRecord, Reply, Resolution, Transport } from "./contract.ts";
import { byPrecedence } from "./families.ts";
import { orderSrv } from "./srv-order.ts";
import type { Hosts } from "./system-files.ts";
import { defaultPorts, isSecure, srvPrefixes, type Target, transportOfService } from "./target.ts";
import { together } from "./together.ts";

export interface Locating {
  readonly clock: Clock;
  readonly random: Random;
  readonly dns: Pick<DnsClient, "query">;
  readonly hosts: () => Hosts;
  /** Transports in the order in which they are tried where a domain leaves the choice. */
  readonly preference: readonly Transport[];
  serves(transport: Transport, family: IpFamily): boolean;
  /** Whether the DNS may send us to this very machine. */
  readonly loopback: boolean;
}

/** A name that may have addresses, with what is known of it by then. */
interface Server {
  transport: Transport;
  name: string;
  port: number;
}

/** At most so many targets of SRV records are looked up for one URI, and so many NAPTR records followed. */
const maxServers = 12;
const maxNaptr = 6;
const maxHops = 24;
/** RFC 8305 §3: how long one address family, or one server's name, may be behind another, in ms. */
const addressGrace = 50;
const serverGrace = 200;

/** Where to send a request for `target`, which is a name. Calls `done` once, in the same turn when the DNS replies in it. */
export function locate(around: Locating, target: Target, done: (resolution: Resolution) => void): void {
  const { name, port, transport } = target;
  if (port !== undefined || around.hosts().has(name) || isLocalhost(name)) {
    const chosen = transport ?? defaultTransport(around, target.secure);
    return addressesOf(around, target, [{ transport: chosen, name, port: port ?? defaultPorts[chosen] }], done);
  }
  if (transport !== undefined) return bySrv(around, target, [[transport, srvPrefixes[transport] + name]], done);
  around.dns.query(name, "NAPTR", (reply) => {
    const services = reply.kind === "records" ? chosenServices(around, target, reply) : [];
    // A domain whose NAPTR records offer nothing that we serve may still have SRV records that do.
    if (services.length > 0) return bySrv(around, target, services, done);
    const usual = around.preference.filter(
      (each) => (each === "udp" || each === "tcp" || each === "tls") && suits(around, target, each),
    );
    bySrv(
      around,
      target,
      usual.map((each) => [each, srvPrefixes[each] + name]),
      done,
    );
  });
}

/** RFC 3263 §4.1: a sips URI is reached by TLS alone, and nothing by what we do not speak. */
function suits(around: Locating, target: Target, transport: Transport): boolean {
  if (target.secure && !isSecure(transport)) return false;
  return around.serves(transport, 4) || around.serves(transport, 6);
}

/** UDP, or TLS for sips (RFC 3263 §4.1); where we do not speak UDP, what we do speak. */
export function defaultTransport(around: Pick<Locating, "preference" | "serves">, secure: boolean, family?: IpFamily) {
  if (secure) return "tls";
  const serves = (each: Transport) =>
    family === undefined ? around.serves(each, 4) || around.serves(each, 6) : around.serves(each, family);
  return serves("udp")
    ? "udp"
    : (around.preference.find((each) => each !== "ws" && each !== "wss" && serves(each)) ?? "udp");
}

/**
 * The NAPTR records to follow: of those that we can use the ones of the lowest order (RFC 3403 §4.1; going on to a
 * higher one would let whoever breaks TLS have us talk in the clear), by preference.
 */
function chosenServices(
  around: Locating,
  target: Target,
  reply: Reply & { kind: "records" },
): [transport: Transport, name: string][] {
  const usable: { record: NaptrRecord; transport: Transport }[] = [];
  for (const record of reply.records) {
    if (record.type !== "NAPTR" || record.flags !== "s") continue;
    const transport = transportOfService(record.service);
    if (transport !== undefined && suits(around, target, transport)) usable.push({ record, transport });
  }
  const lowest = Math.min(...usable.map(({ record }) => record.order));
  return usable
    .filter(({ record }) => record.order === lowest)
    .sort((a, b) => a.record.preference - b.record.preference)
    .slice(0, maxNaptr)
    .map(({ record, transport }) => [transport, record.replacement]);
}

function bySrv(
  around: Locating,
  target: Target,
  services: readonly (readonly [transport: Transport, name: string])[],
  done: (resolution: Resolution) => void,
): void {
  together<readonly [Transport, string], Reply>(
    around.clock,
    services,
    ([, name], answer) => around.dns.query(name, "SRV", answer),
    { enough: (reply) => reply.kind === "records", grace: serverGrace },
    (replies) => {
      const servers: Server[] = [];
      let declined = false;
      for (const [at, reply] of replies.entries()) {
        const transport = services[at]?.[0];
        if (transport === undefined || reply?.kind !== "records") continue;
        const records = reply.records.filter((record) => record.type === "SRV");
        for (const { target: name, port } of orderSrv(records, around.random))
          if (name === ".") declined = true;
          else servers.push({ transport, name, port });
      }
      if (servers.length > 0) return addressesOf(around, target, servers.slice(0, maxServers), done);
      if (declined) return done({ ok: false, reason: `${target.name} says that it takes no such requests` });
      const transport = target.transport ?? defaultTransport(around, target.secure);
      addressesOf(around, target, [{ transport, name: target.name, port: defaultPorts[transport] }], done);
    },
  );
}

type Addresses = { addresses: readonly string[]; reason?: string };

function addressesOf(
  around: Locating,
  target: Target,
  servers: readonly Server[],
  done: (resolution: Resolution) => void,
): void {
  together<Server, Addresses>(
    around.clock,
    servers,
    ({ transport, name }, answer) => lookUp(around, name, transport, answer),
    { enough: ({ addresses }) => addresses.length > 0, grace: serverGrace },
    (found) => {
      const hops = new Map<string, Hop>();
      for (const [at, { transport, port }] of servers.entries()) {
        for (const host of found[at]?.addresses ?? []) {
          if (hops.size >= maxHops || refusesSending({ host, port }) !== undefined) continue;
          const serverName = isSecure(transport) && target.domain !== undefined ? { serverName: target.domain } : {};
          const key = `${transport} ${host} ${port}`;
          if (!hops.has(key)) hops.set(key, { transport, host, port, ...serverName });
        }
      }
      if (hops.size > 0) return done({ ok: true, hops: [...hops.values()] });
      const why = found.find((each) => each?.reason !== undefined)?.reason ?? "it has no address that can be used";
      done({ ok: false, reason: `${target.name} cannot be resolved: ${why}` });
    },
  );
}

/** The addresses of a name that `transport` can reach, best first. */
export function lookUp(
  around: Locating,
  name: string,
  transport: Transport | undefined,
  done: (addresses: Addresses) => void,
): void {
  const served = ([6, 4] as const).filter((family) =>
    transport === undefined ? true : around.serves(transport, family),
  );
  if (served.length === 0) return done({ addresses: [], reason: `nothing can be sent by ${transport?.toUpperCase()}` });
  const own = around.hosts().get(name) ?? (isLocalhost(name) ? ["127.0.0.1", "::1"] : undefined);
  if (own !== undefined) {
    const addresses = own.filter((address) => served.includes(address.includes(":") ? 6 : 4));
    return done(addresses.length > 0 ? { addresses } : { addresses, reason: "no address of its family is served" });
  }
  together<IpFamily, Reply>(
    around.clock,
    served,
    (family, answer) => around.dns.query(name, family === 6 ? "AAAA" : "A", answer),
    { enough: (reply) => reply.kind === "records", grace: addressGrace },
    (replies) => {
      const found = replies.flatMap((reply) => (reply?.kind === "records" ? reply.records : []));
      const addresses = found.flatMap((record) => ("address" in record ? [record.address] : []));
      const allowed = addresses.filter((address) => around.loopback || !isLoopback(address));
      if (allowed.length > 0) return done({ addresses: byPrecedence(allowed) });
      if (addresses.length > 0) return done({ addresses: [], reason: "it leads to this very machine" });
      const failed = replies.find((reply) => reply?.kind === "failed");
      done({ addresses: [], reason: failed?.kind === "failed" ? failed.reason : `${name} has no address` });
    },
  );
}

/** RFC 6761 §6.3. */
function isLocalhost(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}
