/** What offers bring besides: G.711 alone, video, twenty calls of one browser; and a phone that speaks ICE and DTLS-SRTP. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { type Chromium, type PagePhone, startChromium } from "../support/peers/chromium.ts";
import { lastPitch } from "../support/peers/phones.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

const domain = "example.com";
const password = "wonderland";
const config = `
domains: [${domain}]
store: "memory:"
registrar: { max_contacts: 100 }
accounts:
  - { user: alice, password: ${password} }
routes:
  - { to: "loop@*", script: loop.ts }
  - { to: "keys@*", script: keys.ts }
  - { to: "held@*", script: held.ts }
`;
const files = {
  "loop.ts": `export default async function (call: Call) {
  await call.answer();
  await call.echo();
  for await (const event of call);
}`,
  "held.ts": `export default async function (call: Call) {
  await call.answer();
  await call.echo();
  await call.gather({ max: 1, terminator: "none" });
  await call.hold();
  await new Promise((resolve) => setTimeout(resolve, 700));
  await call.resume();
  for await (const event of call);
}`,
  "keys.ts": `export default async function (call: Call) {
  await call.answer();
  const { digits } = await call.gather({ max: 4, terminator: "none" });
  console.log("keys " + digits);
}`,
};

describe.skipIf(!has("chromium"))("a browser's offer", () => {
  let server: Server;
  let chromium: Chromium;
  const pages: PagePhone[] = [];
  beforeAll(async () => {
    server = await siproc({ config, listen: ["ws"], files });
    chromium = await startChromium();
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
  });
  afterAll(async () => {
    await chromium?.stop();
    await server?.stop();
  });
  const alice = async () => {
    const url = `ws://${server.host}:${server.ports.ws}`;
    const page = await chromium.phone({ kind: "jssip", url, user: "alice", domain, password, hertz: 500 });
    pages.push(page);
    return page;
  };

  test("is answered with G.711 where nothing else is allowed, and keys come at 8000 Hz", async () => {
    const page = await alice();
    await page.dial(`sip:loop@${domain}`);
    await page.hears(500);
    await page.run("hangup");
    await page.event(/^ended/);
    await page.dial(`sip:keys@${domain}`);
    await page.run("press", "7#1*");
    await server.program.line(/keys 7#1\*/);
  });

  test("of audio and video gets audio", async () => {
    const page = await alice();
    await page.run("callWithVideo", `sip:loop@${domain}`);
    await page.event(/^confirmed/);
    await page.hears(500);
  });

  test("is not the last: the script holds the page and takes it back", async () => {
    const page = await alice();
    await page.dial(`sip:held@${domain}`);
    await page.hears(500);
    await page.run("press", "1");
    await page.event(/^hold/);
    await page.hears(0);
    await page.event(/^unhold/);
    await page.hears(500);
    expect((await page.statistics()).lost).toBe(0);
  });

  test("has RTCP on the port of RTP: reports of what the page sends come back", async () => {
    const page = await alice();
    await page.dial(`sip:loop@${domain}`);
    let seconds: number | undefined;
    for (const end = performance.now() + 15_000; seconds === undefined && performance.now() < end; await Bun.sleep(200))
      seconds = Number((await page.run("roundTrip")) ?? Number.NaN) || undefined;
    expect(seconds ?? Number.NaN).toBeWithin(0, 1);
  });

  test("may be one of twenty; a page that vanishes without a word loses its calls within the consent timeout", async () => {
    const page = await alice();
    const before = server.calls();
    await page.run("callMany", [`sip:loop@${domain}`, 20]);
    const twenty = server.calls().filter((id) => !before.includes(id));
    expect(twenty).toBeArrayOfSize(20);
    await page.close();
    pages.length = 0;
    await until("end of all calls", () => !server.calls().some((id) => twenty.includes(id)), 45_000);
  });
});

describe.skipIf(!has("baresip", "sox"))("baresip with ICE and DTLS-SRTP", () => {
  test.each(["lite", "full"])("calls echo on a server that is %s, and hears itself", async (kind) => {
    // Only addresses that everybody can reach make us lite.
    const host = kind === "lite" ? phoneHost : "127.0.0.1";
    const server = await siproc({ config, host, files });
    const phone = await Baresip.start({
      host,
      says: { tone: 700 },
      account: ["mediaenc=dtls_srtp", "medianat=ice"],
      config: ["module dtls_srtp.so", "module ice.so", "rtcp_mux yes"],
    });
    try {
      await phone.dial(`sip:loop@${server.address}`);
      await phone.event("CALL_ESTABLISHED");
      await until("700 Hz", () => lastPitch(phone.heard().at(-1)) === 700);
      expect(server.program.lines.join("\n")).not.toContain("is lost");
    } finally {
      await phone.stop();
      await server.stop();
    }
  });
});
