/** Firefox calls handlers: another ICE and another DTLS than Chromium's. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { firefoxCalls } from "../support/peers/firefox.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";

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
`;
const files = {
  "loop.ts": `export default async function (call: Call) {
  await call.answer();
  await call.echo();
  for await (const event of call);
}`,
  "keys.ts": `export default async function (call: Call) {
  await call.answer();
  const { digits } = await call.gather({ max: 4, terminator: "none" });
  console.log("keys " + digits);
}`,
};

describe.skipIf(!has("firefox-esr"))("Firefox", () => {
  let server: Server;
  const open: { stop(): Promise<void> }[] = [];
  beforeAll(async () => {
    server = await siproc({ config, listen: ["ws"], files, codecs: ["opus", "PCMU"] });
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.stop();
  });
  afterAll(async () => void (await server?.stop()));

  const call = async (user: string, keys = "") => {
    const url = `ws://${server.host}:${server.ports.ws}`;
    const target = `sip:${user}@${domain}`;
    const page = await firefoxCalls({ url, user: "alice", domain, password, target, keys });
    open.push(page);
    return page;
  };

  test("hears itself, and loses nothing", async () => {
    const page = await call("loop");
    await page.reports("packets", ({ statistics }) => statistics.received > 150);
    await page.reports("sound", ({ statistics }) => statistics.energy > 0.01);
    expect(page.report.statistics.lost).toBe(0);
  });

  test("presses keys", async () => {
    await call("keys", "4#2*");
    await server.program.line(/keys 4#2\*/, 30_000);
  });
});
