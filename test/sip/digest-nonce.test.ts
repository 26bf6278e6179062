/** Nonces without memory: who made them, how old they are, and that each count is good for one request. */
import { describe, expect, test } from "bun:test";
import { hash } from "../../src/hash.ts";
import { VirtualClock } from "../../src/sip/clock.ts";
import { Nonces } from "../../src/sip/digest-nonce.ts";
import { below, seeded } from "../support/random.ts";

const secret = new Uint8Array(32).fill(1);
/** What tells one request from another. */
const marked = (request: string) => new Uint32Array(Uint8Array.fromHex(hash("SHA-256", request)).buffer);

function bench(options: { memory?: number; lifetime?: number; secret?: Uint8Array } = {}) {
  const clock = new VirtualClock();
  clock.advance(5000.5);
  return { clock, nonces: new Nonces({ clock, hash, secret, ...options }) };
}

test("a nonce is short, of plain letters, and never the same", () => {
  const { nonces } = bench();
  const made = Array.from({ length: 10_000 }, () => nonces.make("example.com"));
  expect(new Set(made).size).toBe(10_000);
  for (const one of made) expect(one).toMatch(/^[0-9a-z.-]{24,48}$/);
});

test("making nonces takes no memory", () => {
  const { nonces } = bench();
  for (let i = 0; i < 1000; i++) nonces.make("example.com");
  expect(nonces.size).toBe(0);
});

test("it counts for its lifetime, 300 s by default, and not a moment longer", () => {
  const { clock, nonces } = bench();
  const nonce = nonces.make("example.com");
  clock.advance(299_999);
  expect(nonces.use(nonce, "example.com", 1, marked("a"))).toBe("ok");
  clock.advance(2);
  expect(nonces.use(nonce, "example.com", 2, marked("b"))).toBe("stale");
});

test("those of another server, another realm, another start are stale", () => {
  const { nonces } = bench();
  const nonce = nonces.make("example.com");
  expect(nonces.use(nonce, "example.org", 1, marked("a"))).toBe("stale");
  expect(bench({ secret: new Uint8Array(32) }).nonces.use(nonce, "example.com", 1, marked("a"))).toBe("stale");
  expect(nonces.use(nonce, "example.com", 1, marked("a"))).toBe("ok");
});

test("a forged or mangled one is stale, whatever it holds", () => {
  const { nonces } = bench();
  const nonce = nonces.make("r");
  const random = seeded(5);
  const odd = [
    "",
    ".",
    "..",
    "...",
    "a",
    "1.2.3",
    `${nonce}0`,
    nonce.slice(0, -1),
    `0${nonce}`,
    nonce.toUpperCase(),
    `${nonce.slice(0, 3)}é`,
    "NaN.NaN.x",
    "-1.-1.0",
    `${"9".repeat(50)}.1.${nonce.slice(-20)}`,
  ];
  for (let i = 0; i < 2000; i++) {
    const at = below(random, nonce.length);
    odd.push(nonce.slice(0, at) + String.fromCharCode(below(random, 256)) + nonce.slice(at + 1));
  }
  for (const one of odd) if (one !== nonce) expect(nonces.use(one, "r", 1, marked("a"))).toBe("stale");
  expect(nonces.use(nonce, "r", 1, marked("a"))).toBe("ok");
});

describe("each count is good for one request", () => {
  test.each<[string, [nc: number, request: string, outcome: "ok" | "stale"][]]>([
    [
      "in order",
      [
        [1, "a", "ok"],
        [2, "b", "ok"],
        [3, "c", "ok"],
      ],
    ],
    [
      "with gaps",
      [
        [1, "a", "ok"],
        [9, "b", "ok"],
        [0xffffffff, "c", "ok"],
      ],
    ],
    [
      "overtaken on the way",
      [
        [2, "b", "ok"],
        [1, "a", "ok"],
        [3, "c", "ok"],
      ],
    ],
    [
      "replayed",
      [
        [1, "a", "ok"],
        [1, "b", "stale"],
        [2, "c", "ok"],
        [1, "d", "stale"],
        [2, "e", "stale"],
      ],
    ],
    [
      "sent again, octet for octet",
      [
        [1, "a", "ok"],
        [1, "a", "ok"],
        [2, "b", "ok"],
        [1, "a", "ok"],
      ],
    ],
    [
      "without a count, as of RFC 2069",
      [
        [0, "a", "ok"],
        [0, "a", "ok"],
        [0, "b", "stale"],
      ],
    ],
  ])("%s", (_, uses) => {
    const { nonces } = bench();
    const nonce = nonces.make("r");
    for (const [nc, request, outcome] of uses) expect(nonces.use(nonce, "r", nc, marked(request))).toBe(outcome);
  });

  test("also long after, when other counts have pushed it out", () => {
    const { nonces } = bench();
    const nonce = nonces.make("r");
    for (let nc = 1; nc <= 100; nc++) expect(nonces.use(nonce, "r", nc, marked(`${nc}`))).toBe("ok");
    for (let nc = 1; nc <= 100; nc++) expect(nonces.use(nonce, "r", nc, marked("replay"))).toBe("stale");
  });
});

describe("memory is bounded", () => {
  test("by the number of nonces: then older ones live shorter, and no replay gets through", () => {
    const { clock, nonces } = bench({ memory: 100 });
    const old = Array.from({ length: 50 }, () => nonces.make("r"));
    for (const nonce of old) expect(nonces.use(nonce, "r", 1, marked("a"))).toBe("ok");
    for (let i = 0; i < 1000; i++) {
      clock.advance(1);
      expect(nonces.use(nonces.make("r"), "r", 1, marked("b"))).toBe("ok");
      expect(nonces.size).toBeLessThanOrEqual(201);
    }
    for (const nonce of old) {
      expect(nonces.use(nonce, "r", 1, marked("replay"))).toBe("stale");
      expect(nonces.use(nonce, "r", 2, marked("c"))).toBe("stale");
    }
  });

  test("by time", () => {
    const { clock, nonces } = bench();
    for (let i = 0; i < 1000; i++) nonces.use(nonces.make("r"), "r", 1, marked("a"));
    for (let i = 0; i < 3; i++) {
      clock.advance(300_001);
      nonces.use(nonces.make("r"), "r", 1, marked("a"));
    }
    expect(nonces.size).toBeLessThan(10);
  });

  test("at any moment of any history a nonce within its lifetime counts once", () => {
    const { clock, nonces } = bench({ lifetime: 1000 });
    const random = seeded(42);
    const alive: { nonce: string; made: number; nc: number }[] = [];
    for (let i = 0; i < 20_000; i++) {
      clock.advance(below(random, 40));
      if (random() < 0.3) alive.push({ nonce: nonces.make("r"), made: Math.floor(clock.now()), nc: 0 });
      const one = alive[below(random, alive.length)];
      if (one === undefined) continue;
      const fresh = clock.now() - one.made <= 1000;
      expect(nonces.use(one.nonce, "r", ++one.nc, marked(`${i}`))).toBe(fresh ? "ok" : "stale");
      expect(nonces.use(one.nonce, "r", one.nc, marked("replay"))).toBe("stale");
      if (alive.length > 200) alive.splice(0, 100);
    }
  });
});

test("a secret that can be guessed is refused", () => {
  expect(() => bench({ secret: new Uint8Array(4) })).toThrow(RangeError);
});
