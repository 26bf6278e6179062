/** JsSIP and SIP.js in pages of Chromium call siproc's own handlers: ICE, DTLS-SRTP and audio end in the binary. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeCheck } from "../../src/media/ice/stun.ts";
import { bindUdp } from "../../src/udp.ts";
import { certificatesFor } from "../support/peers/authority.ts";
import { has } from "../support/peers/available.ts";
import { phoneHost } from "../support/peers/baresip.ts";
import { type Chromium, type PagePhone, type PagePhoneKind, startChromium } from "../support/peers/chromium.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { part, pitch, readWav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

const domain = "example.com";
/** The hello without a usable cipher of ES2023-01, -02 and -03. */
const hostileHello = Buffer.from(
  "Fv7/AAAAAAAAAAAAfAEAAHAAAAAAAAAAcP79AAAG4HCVaUNVbYVmxuqdn2WyCgtTijhZ+WheP/+H4AAAACAAABAABEABcAAP8BAAEAAAoACAAGAB0AFwAYAAsAAgEAACMAAAANABQAEgQDCAQEAQUDCAUFAQgGBgECAQAOAAkABgABAAgABwA=",
  "base64",
);
const users = { alice: "wonderland", bob: "builder" };
const config = (certificate: string, key: string) => `
domains: [${domain}]
store: "memory:"
registrar: { max_contacts: 100 }
tls: { cert: "${certificate}", key: "${key}" }
accounts:
  - { user: alice, password: ${users.alice} }
  - { user: bob, password: ${users.bob} }
routes:
  - { to: "echo@*", script: scripts/echo.ts }
  - { to: "loop@*", script: loop.ts }
  - { to: "ivr@*", script: scripts/ivr.ts }
  - { to: "keys@*", script: keys.ts }
  - { to: "voicemail@*", script: scripts/voicemail.ts }
scripts: { allow: { read: [scripts], write: [recordings] } }
`;
const files = {
  "loop.ts": `export default async function (call: Call) {
  await call.answer();
  await call.echo();
  for await (const event of call);
}`,
  "keys.ts": `export default async function (call: Call) {
  await call.answer();
  const { digits } = await call.gather({ max: 6, terminator: "none" });
  console.log("keys " + digits);
}`,
};
const pages = [
  ["jssip", "ws"],
  ["jssip", "wss"],
  ["sipjs", "ws"],
  ["sipjs", "wss"],
] as const;

describe.skipIf(!has("chromium", "openssl", "sox"))("browsers call handlers", () => {
  let server: Server;
  let chromium: Chromium;
  const phones: PagePhone[] = [];
  beforeAll(async () => {
    const { certificate, key } = certificatesFor([domain, phoneHost]);
    server = await siproc({
      config: config(certificate, key),
      scripts: true,
      listen: ["ws", "wss"],
      codecs: ["opus", "PCMU", "PCMA"],
      files: { ...files, "recordings/.keep": "" },
    });
    chromium = await startChromium();
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.close();
  });
  afterAll(async () => {
    await chromium?.stop();
    await server?.stop();
  });

  const phone = async (kind: PagePhoneKind, transport: "ws" | "wss", user: "alice" | "bob", hertz: number) => {
    const url = `${transport}://${server.host}:${server.ports[transport]}`;
    const made = await chromium.phone({ kind, url, user, domain, password: users[user], hertz });
    phones.push(made);
    return made;
  };

  test.each(pages)("%s over %s hears itself, also after a hold and a restart of ICE", async (kind, transport) => {
    const alice = await phone(kind, transport, "alice", 500);
    await alice.dial(`sip:loop@${domain}`);
    await alice.hears(500);
    await alice.run("hold", true);
    await alice.hears(0);
    await alice.run("hold", false);
    await alice.hears(500);
    await alice.run("restartIce");
    // What it hears from now on has come the new way.
    const { received: before } = await alice.statistics();
    await alice.gets(before + 50);
    await alice.hears(500);
    const { received, lost } = await alice.statistics();
    expect(received).toBeGreaterThan(50);
    expect(lost).toBe(0);
    await alice.run("hangup");
    await alice.event(/^ended/);
  });

  test.each(pages)("%s over %s: keys pressed on the page choose from a menu", async (kind, transport) => {
    const alice = await phone(kind, transport, "alice", 500);
    await alice.dial(`sip:ivr@${domain}`);
    await alice.run("press", "1");
    await alice.hears(440);
    await alice.run("hangup");
    await alice.event(/^ended/);
    await alice.dial(`sip:keys@${domain}`);
    await alice.run("press", "12*9#0");
    await server.program.line(/keys 12\*9#0/);
    await alice.event(/^ended/);
  });

  test("what is said on the page is recorded", async () => {
    const alice = await phone("jssip", "wss", "alice", 700);
    await alice.dial(`sip:voicemail@${domain}`);
    const folder = join(server.folder, "recordings");
    const messages = () => readdirSync(folder).filter((name) => name.endsWith(".wav"));
    const file = await until("recording", () => messages()[0], 20_000);
    await until("second of sound", () => statSync(join(folder, file)).size > 16_044);
    await alice.run("press", "#");
    await alice.event(/^ended/, 0, 15_000);
    const sound = readWav(join(folder, file));
    expect(pitch(part(sound, 200, 900), sound.rate)).toBe(700);
  });

  test("strangers' STUN and ClientHellos neither hinder a call nor the next one", async () => {
    const alice = await phone("jssip", "ws", "alice", 500);
    await alice.dial(`sip:loop@${domain}`);
    await alice.hears(500);
    const before = await alice.statistics();
    const stranger = await bindUdp({ host: server.host, port: 0, onPacket: () => answers++ });
    let answers = 0;
    const forged = writeCheck({
      transaction: new Uint8Array(12),
      username: "ours:theirs",
      password: "a password that is wrong",
      priority: 1,
      controlling: true,
      tieBreaker: 1n,
      nominates: true,
    });
    // All ports that calls may have: 4,000 datagrams a second.
    const flood = setInterval(() => {
      for (let n = 0; n < 40; n++) {
        const port = server.media[0] + 2 * Math.floor(Math.random() * 20);
        stranger.send(n % 2 === 0 ? hostileHello : forged, port, server.host);
      }
    }, 10);
    try {
      const bob = await phone("sipjs", "ws", "bob", 900);
      await bob.dial(`sip:loop@${domain}`);
      await bob.hears(900);
      await alice.gets(before.received + 150);
      await alice.hears(500);
      expect((await alice.statistics()).lost - before.lost).toBeLessThanOrEqual(2);
    } finally {
      clearInterval(flood);
      stranger.close();
    }
    expect(answers).toBe(0);
  });

  test("a page that is reloaded in mid-call leaves no call behind", async () => {
    const alice = await phone("sipjs", "ws", "alice", 500);
    await alice.dial(`sip:loop@${domain}`);
    await alice.hears(500);
    const its = server.calls();
    await alice.reload();
    await until("end of the call", () => !server.calls().some((id) => its.includes(id)), 40_000);
  });
});
