/**
 * A server's nonces (RFC 7616 §5.4): made without keeping anything, known again by a keyed hash, used once for each nc.
 *
 * A nonce is `time.number.mac`, with a mark of whom it was sent to in the number. Both are made by SipHash, each with a key
 * of its own. What is kept is the use of a nonce by somebody who knew a password: a flood of challenges costs no memory.
 */
import type { Clock } from "./clock.ts";
import type { Hash } from "./digest.ts";
import { equalInConstantTime } from "./digest.ts";
import { DigestUses } from "./digest-uses.ts";
import { sipHash, sipHashDigits, sipHashed, sipKey } from "./siphash.ts";

export interface NoncesOptions {
  readonly clock: Clock;
  /** Makes the keys. */
  readonly hash: Hash;
  /**
   * At least 16 octets that nobody knows, new at each start: what was used before a restart is not remembered, so those
   * nonces must not count any more. Their users are told `stale` and come again without asking anybody for a password.
   */
  readonly secret: Uint8Array;
  /** Milliseconds that a nonce is good for; 300,000 by default. */
  readonly lifetime?: number;
  /** Uses that each of two generations remembers; 100,000 by default, some 12 MB in all. With more of them nonces live shorter. */
  readonly memory?: number;
}

export class Nonces {
  readonly lifetime: number;
  readonly #clock: Clock;
  readonly #macKey: Int32Array;
  readonly #sourceKey: Int32Array;
  readonly #memory: number;
  #number = 0;
  /** The last one that was found to be ours: who asks whether it is goes on to use it. */
  #ours = { nonce: "", realm: "" };
  /** Uses since `#since`, and those from `#before` on until then. */
  #current = new DigestUses();
  #previous = new DigestUses();
  #since: number;
  #before: number;

  constructor(options: NoncesOptions) {
    const { clock, hash, secret, lifetime = 300_000, memory = 100_000 } = options;
    if (secret.length < 16) throw new RangeError("the secret of nonces needs at least 16 octets");
    this.#clock = clock;
    const keyFor = (purpose: string) => {
      const digest = hash("SHA-256", `${Buffer.from(secret).toString("latin1")}${purpose}`);
      return sipKey(Uint8Array.fromHex(digest));
    };
    this.#macKey = keyFor("mac");
    this.#sourceKey = keyFor("source");
    this.lifetime = lifetime;
    this.#memory = memory;
    this.#since = clock.now();
    this.#before = Math.floor(this.#since);
  }

  /** Uses that are remembered. */
  get size(): number {
    return this.#current.size + this.#previous.size;
  }

  /**
   * A new nonce for challenges with this realm: some 34 chars that may stand in quotes as they are. `source`: the address
   * that it is sent to, which `wasSentTo` knows again.
   */
  make(realm: string, source = ""): string {
    const time = Math.floor(this.#clock.now()).toString(36);
    const count = (this.#number++).toString(36);
    const number = `${count}-${this.#sourceMark(time, count, source)}`;
    return `${time}.${number}.${this.#mac(time, number, realm)}`;
  }

  /**
   * Whether a nonce was made for this address: who shows it has received what was sent there. It is good from elsewhere,
   * too, as of a phone whose network has changed.
   */
  wasSentTo(nonce: string, source: string): boolean {
    const [time = "", number = ""] = nonce.slice(0, 64).split(".", 2);
    const [count = "", mark = ""] = number.split("-", 2);
    return equalInConstantTime(mark, this.#sourceMark(time, count, source));
  }

  /** Whether it was made here for this realm, however long ago. */
  isOurs(nonce: string, realm: string): boolean {
    if (nonce === this.#ours.nonce && realm === this.#ours.realm) return true;
    const first = nonce.indexOf(".");
    const second = nonce.indexOf(".", first + 1);
    if (first < 1 || second < 0 || second > 32) return false;
    const mac = this.#mac(nonce.slice(0, first), nonce.slice(first + 1, second), realm);
    if (!equalInConstantTime(nonce.slice(second + 1), mac)) return false;
    this.#ours = { nonce, realm };
    return true;
  }

  /**
   * Takes note of a request with a right digest. "stale": challenge it again, with `stale=true`, since the nonce is too old,
   * none of ours for this realm, or was used with this nc by another request.
   * @param nc the count of the request; 0 for one without (RFC 2069), which counts as a use like all others
   * @param mark tells requests apart, even such as are made to look alike: three words or more of a cryptographic digest of
   * the whole request. The same one again is a retransmission, which a stateless proxy has to let through once more, and
   * nobody gains by sending it
   */
  use(nonce: string, realm: string, nc: number, mark: Uint32Array): "ok" | "stale" {
    if (!this.isOurs(nonce, realm)) return "stale";
    const made = Number.parseInt(nonce, 36);
    const now = this.#clock.now();
    if (now - made > this.lifetime || made > now) return "stale";
    this.#turn(now);
    if (made < Math.ceil(this.#before)) return "stale";
    return this.#note(Number.parseInt(nonce.slice(nonce.indexOf(".") + 1), 36), nc, mark) ? "ok" : "stale";
  }

  #mac(time: string, number: string, realm: string): string {
    sipHash(`${time}.${number}.${realm}`, this.#macKey);
    return sipHashDigits();
  }

  /** 24 bits: who guesses them has one failure of somebody else's counted. */
  #sourceMark(time: string, count: string, source: string): string {
    sipHash(`${time}.${count}.${source}`, this.#sourceKey);
    return (sipHashed.low >>> 8).toString(36);
  }

  /** Forgets the older half when it is old enough, or the newer one full. What was made before that is stale from then on. */
  #turn(now: number): void {
    if (this.#current.size < this.#memory && now - this.#since <= this.lifetime) return;
    this.#previous = this.#current;
    this.#current = new DigestUses();
    this.#before = this.#since;
    this.#since = now;
  }

  /** False: another request has used this nonce with this nc. */
  #note(number: number, nc: number, mark: Uint32Array): boolean {
    let known = this.#current.look(number, nc, mark);
    if (known === "unused") known = this.#previous.look(number, nc, mark);
    if (known !== "unused") return known === "same";
    this.#current.note(number, nc, mark);
    return true;
  }
}
