/** Pages and phones that are registered with one server call each other through its proxy, which converts the media. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { has } from "../support/peers/available.ts";
import { Baresip, type BaresipOptions, phoneHost } from "../support/peers/baresip.ts";
import { type Chromium, type PagePhone, type PagePhoneKind, startChromium } from "../support/peers/chromium.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { pitch } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

const domain = "example.com";
const password = "wonderland";
const users = ["alice", "bob", "desk"] as const;
const config = (elsewhere: string) => `
domains: [${domain}]
store: "memory:"
registrar: { max_contacts: 100 }
accounts: [${users.map((user) => `{ user: ${user}, password: ${password} }`).join(", ")}]
routes:
  - { to: "echo@${domain}", proxy: "sip:${elsewhere}" }
  - { to: "*@${domain}", location: true }
`;

const echo = `export default async function (call: Call) {
  await call.answer();
  await call.echo();
  for await (const event of call) if (event.type === "dtmf") await call.dtmf(event.digit);
}`;

describe.skipIf(!has("chromium", "baresip", "sox"))("pages and phones that are registered", () => {
  let server: Server;
  /** Knows nothing of browsers: speaks RTP. */
  let other: Server;
  let chromium: Chromium;
  const pages: PagePhone[] = [];
  const phones: Baresip[] = [];
  beforeAll(async () => {
    other = await siproc({
      config: 'routes: [{ to: "*", script: echo.ts }]',
      host: phoneHost,
      files: { "echo.ts": echo },
    });
    server = await siproc({
      config: config(other.address),
      host: phoneHost,
      listen: ["ws"],
      codecs: ["opus", "G722", "PCMU", "PCMA"],
    });
    chromium = await startChromium();
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
    for (const phone of phones.splice(0)) await phone.stop();
  });
  afterAll(async () => {
    await chromium?.stop();
    await server?.stop();
    await other?.stop();
  });

  const page = async (kind: PagePhoneKind, user: (typeof users)[number], hertz: number) => {
    const url = `ws://${server.host}:${server.ports.ws}`;
    const made = await chromium.phone({ kind, url, user, domain, password, hertz });
    pages.push(made);
    return made;
  };
  const baresip = async (user: (typeof users)[number], options: BaresipOptions) => {
    const registers = { server: server.address, domain, password };
    const phone = await Baresip.start({ user, registers, ...options });
    phones.push(phone);
    return phone;
  };
  /** What the phone has taken down in the call at hand, whose head tells no length yet. */
  const taken = (phone: Baresip) => {
    const bytes = readFileSync(phone.heard().at(-1) ?? "/dev/null");
    if (bytes.length < 44) return { frames: 0, rate: 8000, last: () => new Float64Array() };
    const [channels, rate] = [bytes.readUInt16LE(22), bytes.readUInt32LE(24)];
    const frames = Math.floor((bytes.length - 44) / 2 / channels);
    const last = (count: number) =>
      Float64Array.from(
        { length: count },
        (_, n) => bytes.readInt16LE(44 + (frames - count + n) * 2 * channels) / 32_768,
      );
    return { frames, rate, last };
  };
  /** Resolves when the phone hears a tone from now on. */
  const hears = (phone: Baresip, hertz: number) => {
    const before = taken(phone).frames;
    return until(`${hertz} Hz at the phone`, () => {
      const { frames, rate, last } = taken(phone);
      const some = Math.round(rate * 0.3);
      return frames >= before + some && Math.abs((pitch(last(some), rate) ?? 0) - hertz) < 20;
    });
  };

  test.each([
    ["jssip", "PCMU"],
    ["sipjs", "opus"],
  ] as const)(
    "%s calls a phone that has %s: each hears the other, and the phone the page's keys",
    async (kind, codec) => {
      const phone = await baresip("desk", { autoAnswer: true, codecs: [codec], says: { tone: 900 } });
      const alice = await page(kind, "alice", 500);
      await alice.dial(`sip:desk@${domain}`);
      await Promise.all([alice.hears(900), hears(phone, 500)]);
      await alice.run("press", "7");
      expect((await phone.event("CALL_DTMF_START")).detail).toBe("7");
      await alice.run("hangup");
      await phone.event("CALL_CLOSED");
    },
  );

  test.each(["jssip", "sipjs"] as const)(
    "%s holds what echoes it at another server, and restarts ICE",
    async (kind) => {
      const alice = await page(kind, "alice", 500);
      await alice.dial(`sip:echo@${domain}`);
      await alice.hears(500);
      await alice.run("hold", true);
      await alice.hears(0);
      await alice.run("hold", false);
      await alice.hears(500);
      const { received } = await alice.statistics();
      await alice.run("restartIce");
      await alice.gets(received + 100);
      await alice.hears(500);
    },
  );

  test("a phone calls a page: each hears the other, holds it, and is heard again", async () => {
    const bob = await page("jssip", "bob", 500);
    const phone = await baresip("desk", { codecs: ["PCMA"], says: { tone: 900 } });
    await phone.dial(`sip:bob@${domain}`);
    await phone.event("CALL_ESTABLISHED");
    await Promise.all([bob.hears(900), hears(phone, 500)]);
    await phone.command("hold");
    await bob.hears(0);
    await phone.command("resume");
    await bob.hears(900);
    await phone.hangup();
    await bob.event(/^ended/);
  });
});
