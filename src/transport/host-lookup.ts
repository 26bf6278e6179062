/** Host names to addresses by the system's resolver: bounded in time and number, one question per name at a time. */
import { lookup as systemLookup } from "node:dns/promises";
import type { Clock } from "../sip/clock.ts";
import { isHostName } from "../sip/host.ts";
import { socketHost } from "./address.ts";

/** Gives the addresses of a name, best first. May reject. */
export type Lookup = (name: string) => Promise<readonly string[]>;

export type LookupResult = { ok: true; hosts: readonly string[] } | { ok: false; reason: string };

interface Known {
  result: LookupResult;
  until: number;
}

const answerHolds = 30_000;
const failureHolds = 2_000;
const maxKnown = 1_000;
const maxAsking = 1_000;

export class HostLookup {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #ask: Lookup;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, ((result: LookupResult) => void)[]>();

  /** `timeout` in ms. */
  constructor(options: { clock: Clock; timeout: number; lookup?: Lookup | undefined }) {
    this.#clock = options.clock;
    this.#timeout = options.timeout;
    this.#ask = options.lookup ?? askSystem;
  }

  /** Calls `done` exactly once, at once when the answer is known. Failures hold 2 s, answers 30 s. */
  resolve(name: string, done: (result: LookupResult) => void): void {
    if (!isHostName(name)) {
      done({ ok: false, reason: `not a host name: ${JSON.stringify(name.slice(0, 80))}` });
      return;
    }
    // What browsers write in place of an address that they do not know (RFC 7118 §4, RFC 6761 §6.4).
    if (name.endsWith(".invalid")) {
      done({ ok: false, reason: `${name} is the name of nobody` });
      return;
    }
    const known = this.#known.get(name);
    if (known !== undefined && known.until > this.#clock.now()) {
      done(known.result);
      return;
    }
    const asking = this.#asking.get(name);
    if (asking !== undefined) {
      asking.push(done);
      return;
    }
    if (this.#asking.size >= maxAsking) {
      done({ ok: false, reason: `too many names to resolve, not ${name}` });
      return;
    }

    const waiting = [done];
    this.#asking.set(name, waiting);
    let settled = false;
    const settle = (result: LookupResult) => {
      if (settled) return;
      settled = true;
      timer.cancel();
      this.#asking.delete(name);
      this.#remember(name, result);
      for (const tell of waiting) tell(result);
    };
    const timer = this.#clock.after(this.#timeout, () => settle({ ok: false, reason: `resolving ${name} timed out` }));
    const failed = () => settle({ ok: false, reason: `host ${name} not found` });
    Promise.try(() => this.#ask(name)).then(
      (hosts) => (hosts.length > 0 ? settle({ ok: true, hosts }) : failed()),
      failed,
    );
  }

  #remember(name: string, result: LookupResult): void {
    this.#known.delete(name);
    this.#known.set(name, { result, until: this.#clock.now() + (result.ok ? answerHolds : failureHolds) });
    if (this.#known.size <= maxKnown) return;
    const oldest = this.#known.keys().next();
    if (!oldest.done) this.#known.delete(oldest.value);
  }
}

async function askSystem(name: string): Promise<string[]> {
  const addresses = await systemLookup(name, { all: true });
  return addresses.map(({ address }) => socketHost(address));
}
