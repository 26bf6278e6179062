/** Pages and phones that are registered with one server call each other through its proxy, which converts the media. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Authority, type MadeCertificate } from "../support/certificates.ts";
import { has } from "../support/peers/available.ts";
import { Baresip, type BaresipOptions, phoneHost } from "../support/peers/baresip.ts";
import { type Chromium, type PagePhone, type PagePhoneKind, startChromium } from "../support/peers/chromium.ts";
import { binary, type Server, siproc } from "../support/peers/siproc.ts";
import { pitch } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

const domain = "example.com";
const password = "wonderland";
const users = ["alice", "bob", "desk"] as const;
const config = (elsewhere: string, certificate: MadeCertificate) => `
domains: [${domain}]
store: "memory:"
registrar: { max_contacts: 100 }
tls: { cert: ${certificate.cert}, key: ${certificate.key} }
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
  const authority = new Authority();
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
    const certificate = authority.make({ san: `IP:${phoneHost},DNS:${domain}` });
    server = await siproc({
      config: config(other.address, certificate),
      host: phoneHost,
      listen: ["ws", "tls"],
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
    authority.close();
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
  /** Calls whose media goes through the server. */
  const converted = async (): Promise<number> => {
    const { stdout } = Bun.spawn([binary, "status", "--json"], { cwd: server.folder, stdout: "pipe" });
    return Number(/"relayed": ?(\d+)/.exec(await new Response(stdout).text())?.[1]);
  };
  /** What the phone has taken down in the call at hand, whose head tells no length yet. */
  const taken = (phone: Baresip) => {
    const file = phone.heard().at(-1) ?? "/dev/null";
    const bytes = readFileSync(file);
    if (bytes.length < 44) return { file, frames: 0, rate: 8000, last: () => new Float64Array() };
    const [channels, rate] = [bytes.readUInt16LE(22), bytes.readUInt32LE(24)];
    const frames = Math.floor((bytes.length - 44) / 2 / channels);
    const last = (count: number) =>
      Float64Array.from(
        { length: count },
        (_, n) => bytes.readInt16LE(44 + (frames - count + n) * 2 * channels) / 32_768,
      );
    return { file, frames, rate, last };
  };
  /** Resolves when the phone hears a tone from now on. */
  const hears = (phone: Baresip, hertz: number) => {
    const before = taken(phone);
    return until(`${hertz} Hz at the phone`, () => {
      const { file, frames, rate, last } = taken(phone);
      const some = Math.round(rate * 0.3);
      const fresh = frames - (file === before.file ? before.frames : 0);
      return fresh >= some && Math.abs((pitch(last(some), rate) ?? 0) - hertz) < 20;
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

  test("a page that has Opus alone calls a phone that has G.711, and is called by it", async () => {
    const phone = await baresip("desk", { autoAnswer: true, codecs: ["PCMA"], says: { tone: 900 } });
    const alice = await page("jssip", "alice", 500);
    await alice.run("only", "opus");
    await alice.dial(`sip:desk@${domain}`);
    await Promise.all([alice.hears(900), hears(phone, 500)]);
    await alice.run("press", "5");
    expect((await phone.event("CALL_DTMF_START")).detail).toBe("5");
    await alice.run("hangup");
    await phone.event("CALL_CLOSED");
    await phone.dial(`sip:alice@${domain}`);
    await Promise.all([alice.hears(900), hears(phone, 500)]);
    await phone.hangup();
  });

  test("a page holds what echoes it at another server, and restarts ICE", async () => {
    const alice = await page("sipjs", "alice", 500);
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
    await alice.run("hangup");
  });

  test("a phone with SRTP over TLS is called by a phone in clear, and calls a page", async () => {
    const registers = { server: `${phoneHost}:${server.ports.tls}`, domain, password, ca: authority.ca };
    const secure = await baresip("desk", {
      ...{ transport: "tls", registers, autoAnswer: true, says: { tone: 900 }, account: ["mediaenc=srtp-mand"] },
      config: ["module srtp.so", `sip_cafile ${authority.ca}`],
    });
    const phone = await baresip("bob", { says: { tone: 700 } });
    await phone.dial(`sip:desk@${domain}`);
    await Promise.all([hears(phone, 900), hears(secure, 700)]);
    await phone.hangup();
    await secure.event("CALL_CLOSED");
    const alice = await page("jssip", "alice", 500);
    await secure.dial(`sip:alice@${domain}`);
    await Promise.all([alice.hears(900), hears(secure, 500)]);
    await secure.hangup();
  });

  test("a phone hands a page over to somebody else", async () => {
    const phone = await baresip("desk", { autoAnswer: true, says: { tone: 900 } });
    const alice = await page("jssip", "alice", 500);
    await alice.dial(`sip:desk@${domain}`);
    await alice.hears(900);
    await phone.command("transfer", `sip:echo@${domain}`);
    await phone.event("CALL_CLOSED");
    await alice.hears(500);
    await alice.run("hangup");
  });

  test("a page rings together with a phone, and whoever answers has the call", async () => {
    await page("jssip", "desk", 500);
    const ringing = await baresip("desk", { codecs: ["PCMA"] });
    const phone = await baresip("bob", { codecs: ["PCMU"], says: { tone: 900 } });
    await phone.dial(`sip:desk@${domain}`);
    await phone.event("CALL_ESTABLISHED");
    await hears(phone, 500);
    await ringing.event("CALL_CLOSED");
    await phone.hangup();
  });

  test("a page calls a page: they hear each other, and nothing of it goes through the server", async () => {
    const alice = await page("sipjs", "alice", 500);
    const bob = await page("jssip", "bob", 900);
    const before = await converted();
    await alice.dial(`sip:bob@${domain}`);
    await Promise.all([alice.hears(900), bob.hears(500)]);
    expect(await converted()).toBeLessThanOrEqual(before);
  });

  test("a phone calls a page: each hears the other, it holds the page and is heard again; the page is closed", async () => {
    const bob = await page("jssip", "bob", 500);
    const phone = await baresip("desk", { codecs: ["PCMA"], says: { tone: 900 } });
    await phone.dial(`sip:bob@${domain}`);
    await phone.event("CALL_ESTABLISHED");
    await Promise.all([bob.hears(900), hears(phone, 500)]);
    await phone.command("hold");
    await bob.hears(0);
    await phone.command("resume");
    await bob.hears(900);
    await bob.reload();
    await phone.event("CALL_CLOSED");
  });
});
