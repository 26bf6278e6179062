/** siproc calls pages, and joins them with phones: WebRTC on one side, RTP on the other, whichever codec each has. */
import { afterAll, afterEach, beforeAll, describe, test } from "bun:test";
import { readFileSync } from "node:fs";
import { has } from "../support/peers/available.ts";
import { Baresip, type BaresipOptions, phoneHost } from "../support/peers/baresip.ts";
import { type Chromium, type PagePhone, type PagePhoneKind, startChromium } from "../support/peers/chromium.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { pitch } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

const domain = "example.com";
const users = { alice: "wonderland", bob: "builder" };
const config = `
domains: [${domain}]
store: "memory:"
registrar: { max_contacts: 100 }
accounts:
  - { user: alice, password: ${users.alice} }
  - { user: bob, password: ${users.bob} }
routes:
  - { to: "to-bob@*", script: page.ts }
  - { to: "phone-*@*", script: phone.ts }
scripts: { allow: { dial: ["*"] } }
`;
const files = {
  "page.ts": `export default async function (call: Call) {
  await call.dial("sip:bob@${domain}", { timeout: 5000 });
}`,
  "phone.ts": `export default async function (call: Call) {
  await call.dial("sip:baresip@${phoneHost}:" + call.local.user.slice(6), { timeout: 5000 });
}`,
};

describe.skipIf(!has("chromium", "baresip", "sox"))("pages and phones", () => {
  let server: Server;
  let chromium: Chromium;
  const pages: PagePhone[] = [];
  const phones: Baresip[] = [];
  beforeAll(async () => {
    server = await siproc({ config, host: phoneHost, listen: ["ws"], codecs: ["opus", "G722", "PCMU", "PCMA"], files });
    chromium = await startChromium();
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
    for (const phone of phones.splice(0)) await phone.stop();
  });
  afterAll(async () => {
    await chromium?.stop();
    await server?.stop();
  });

  const page = async (kind: PagePhoneKind, user: "alice" | "bob", hertz: number) => {
    const url = `ws://${server.host}:${server.ports.ws}`;
    const made = await chromium.phone({ kind, url, user, domain, password: users[user], hertz });
    pages.push(made);
    return made;
  };
  const baresip = async (options: BaresipOptions) => {
    const phone = await Baresip.start(options);
    phones.push(phone);
    return phone;
  };
  /** Resolves when the phone hears a tone: by the last 300 ms of what it takes down, whose head tells no length yet. */
  const hears = (phone: Baresip, hertz: number) =>
    until(`${hertz} Hz at the phone`, () => {
      const bytes = readFileSync(phone.heard().at(-1) ?? "/dev/null");
      if (bytes.length < 44) return false;
      const [channels, rate] = [bytes.readUInt16LE(22), bytes.readUInt32LE(24)];
      const frames = Math.floor((bytes.length - 44) / 2 / channels);
      const from = Math.max(0, frames - rate * 0.3);
      const samples = Float64Array.from(
        { length: frames - from },
        (_, n) => bytes.readInt16LE(44 + (from + n) * 2 * channels) / 32_768,
      );
      return pitch(samples, rate) === hertz;
    });

  test.each([
    ["jssip", "PCMU"],
    ["sipjs", "opus"],
    ["jssip", "G722"],
  ] as const)("%s calls a phone that has %s: each hears the other", async (kind, codec) => {
    const phone = await baresip({ autoAnswer: true, codecs: [codec], says: { tone: 900 } });
    const alice = await page(kind, "alice", 500);
    await alice.dial(`sip:phone-${phone.port}@${domain}`);
    await Promise.all([alice.hears(900), hears(phone, 500)]);
    await alice.run("hangup");
    await phone.event("CALL_CLOSED");
  });

  test.each([
    ["PCMA", "jssip"],
    ["opus", "sipjs"],
  ] as const)("a phone that has %s is put through to %s: each hears the other", async (codec, kind) => {
    const bob = await page(kind, "bob", 500);
    const phone = await baresip({ codecs: [codec], says: { tone: 900 } });
    await phone.dial(`sip:to-bob@${server.address}`);
    await phone.event("CALL_ESTABLISHED");
    await Promise.all([bob.hears(900), hears(phone, 500)]);
    await phone.hangup();
    await bob.event(/^ended/);
  });

  test("a page is put through to a page: each hears the other, also after a hold", async () => {
    const alice = await page("sipjs", "alice", 500);
    const bob = await page("jssip", "bob", 900);
    await alice.dial(`sip:to-bob@${domain}`);
    await Promise.all([alice.hears(900), bob.hears(500)]);
    await alice.run("hold", true);
    await bob.hears(0);
    await alice.run("hold", false);
    await bob.hears(500);
    await bob.run("hangup");
    await Promise.all([alice.event(/^ended/), bob.event(/^ended/)]);
  });
});
