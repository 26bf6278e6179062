/** Dnsmasq (Debian's dnsmasq-base): a DNS server with a test's records and no others, on a port of its own. */
import { join } from "node:path";
import type { Address } from "../../../src/sip/flow.ts";
import { temporaryFolder } from "./folder.ts";
import { freePort, untilBound } from "./ports.ts";
import { Program } from "./program.ts";

/** What it answers; all of `domain`, below which it knows nothing else. */
export interface DnsRecords {
  /** `example.test`: what is not there does not exist. */
  domain: string;
  /** Name → its addresses, IPv4 or IPv6. */
  hosts?: Readonly<Record<string, readonly string[]>>;
  aliases?: Readonly<Record<string, string>>;
  srv?: readonly { name: string; target: string; port: number; priority?: number; weight?: number }[];
  naptr?: readonly { name: string; order: number; preference: number; service: string; replacement: string }[];
  /** Seconds; 60 by default. */
  ttl?: number;
}

export interface Dnsmasq {
  address: Address;
  /** `127.0.0.1:5353`, for `dns: { servers: [ … ] }`. */
  server: string;
  program: Program;
  /** The queries that have come so far, such as `SRV _sip._udp.example.test`. */
  queries(): string[];
  stop(): Promise<number>;
}

/** Starts it; resolves when it listens. */
export async function dnsmasq(records: DnsRecords): Promise<Dnsmasq> {
  const port = await freePort();
  const ttl = records.ttl ?? 60;
  const options = [
    ...[
      "--keep-in-foreground",
      `--conf-file=${join(temporaryFolder("dns", { "empty.conf": "" }), "empty.conf")}`,
      "--no-resolv",
      "--no-hosts",
      "--no-poll",
      "--pid-file=",
    ],
    ...["--bind-interfaces", "--listen-address=127.0.0.1", `--port=${port}`],
    ...["--log-queries", "--log-facility=-", "--edns-packet-max=1232"],
    `--local=/${records.domain}/`,
    ...[`--local-ttl=${ttl}`, `--neg-ttl=${ttl}`],
    ...Object.entries(records.hosts ?? {}).flatMap(([name, addresses]) =>
      addresses.map((address) => `--host-record=${name},${address}`),
    ),
    ...Object.entries(records.aliases ?? {}).map(([name, target]) => `--cname=${name},${target}`),
    ...(records.srv ?? []).map(
      ({ name, target, port: at, priority = 10, weight = 0 }) =>
        `--srv-host=${name},${target},${at},${priority},${weight}`,
    ),
    ...(records.naptr ?? []).map(
      ({ name, order, preference, service, replacement }) =>
        `--naptr-record=${name},${order},${preference},s,${service},,${replacement}`,
    ),
  ];
  const program = new Program({ command: ["dnsmasq", ...options] });
  await program.line(/started, version/);
  await untilBound(port, "udp", 5000, program.pid);
  return {
    address: { host: "127.0.0.1", port },
    server: `127.0.0.1:${port}`,
    program,
    queries: () =>
      program.lines.flatMap((line) => {
        const [, type, name] = /query\[(\w+)\] (\S+) from/.exec(line) ?? [];
        return type === undefined || name === undefined ? [] : [`${type} ${name}`];
      }),
    stop: () => program.stop(),
  };
}
