/** The system's own settings for names: /etc/resolv.conf (resolv.conf(5)) and /etc/hosts (hosts(5)), read again when they change. */
import { readFileSync, statSync } from "node:fs";
import type { Clock } from "../../sip/clock.ts";
import type { Address } from "../../sip/flow.ts";
import { isHostName } from "../../sip/host.ts";
import { ipFamily, socketHost } from "../address.ts";

export interface ResolvConf {
  readonly servers: readonly Address[];
  /** Domains in which a name of one label is looked for. */
  readonly search: readonly string[];
}

/** Names in lower case, with their addresses in the file's order. */
export type Hosts = ReadonlyMap<string, readonly string[]>;

const maxSearch = 6;
const maxHosts = 100_000;

/** Without a server the machine itself is asked, as the file's manual says. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: Address[] = [];
  let search: string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...values] = wordsOf(line, /[#;]/);
    if (keyword === "nameserver") {
      const host = socketHost(values[0] ?? "");
      if (ipFamily(host) !== 0) servers.push({ host, port: 53 });
    } else if (keyword === "search" || keyword === "domain") {
      search = values
        .map((domain) => domain.toLowerCase().replace(/\.$/, ""))
        .filter(isHostName)
        .slice(0, maxSearch);
    }
  }
  return { servers: servers.length > 0 ? servers : [{ host: "127.0.0.1", port: 53 }], search };
}

export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [literal = "", ...names] = wordsOf(line, /#/);
    const address = socketHost(literal);
    if (ipFamily(address) === 0) continue;
    for (const word of names) {
      const name = word.toLowerCase();
      const known = hosts.get(name);
      if (known === undefined && hosts.size < maxHosts) hosts.set(name, [address]);
      else if (known !== undefined && !known.includes(address)) known.push(address);
    }
  }
  return hosts;
}

function wordsOf(line: string, comment: RegExp): string[] {
  return (line.split(comment, 1)[0] ?? "").split(/\s+/).filter((word) => word !== "");
}

/** How long a look at a file holds, in ms. */
const lookHolds = 10_000;

/** What stands in a file, parsed, and parsed again when it has changed. A file that cannot be read counts as empty. */
export class WatchedFile<T> {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #parse: (text: string) => T;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #stamp = "";
  #value: T;

  constructor(path: string, clock: Clock, parse: (text: string) => T) {
    this.#path = path;
    this.#clock = clock;
    this.#parse = parse;
    this.#value = parse("");
  }

  get value(): T {
    const now = this.#clock.now();
    if (now - this.#lookedAt < lookHolds) return this.#value;
    this.#lookedAt = now;
    const stamp = stampOf(this.#path);
    if (stamp === this.#stamp) return this.#value;
    this.#stamp = stamp;
    try {
      this.#value = this.#parse(readFileSync(this.#path, "latin1"));
    } catch {
      this.#value = this.#parse("");
    }
    return this.#value;
  }
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return "absent";
  }
}
