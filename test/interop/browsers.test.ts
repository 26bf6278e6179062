/** JsSIP and SIP.js in two pages of Chromium register over WebSocket and call each other: the audio goes from page to page. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { certificatesFor } from "../support/peers/authority.ts";
import { has } from "../support/peers/available.ts";
import { phoneHost } from "../support/peers/baresip.ts";
import { type Chromium, type PagePhone, type PagePhoneKind, startChromium } from "../support/peers/chromium.ts";
import { domain, type Provider, provider, users } from "../support/peers/provider.ts";

const ways: ["ws" | "wss", PagePhoneKind, PagePhoneKind][] = [
  ["ws", "jssip", "sipjs"],
  ["ws", "sipjs", "jssip"],
  ["wss", "jssip", "jssip"],
  ["wss", "sipjs", "sipjs"],
  ["wss", "jssip", "sipjs"],
];

describe.skipIf(!has("chromium", "openssl"))("phones in pages", () => {
  let server: Provider;
  let chromium: Chromium;
  const phones: PagePhone[] = [];
  beforeAll(async () => {
    server = await provider({ websocket: true, certificates: certificatesFor([domain, phoneHost]) });
    chromium = await startChromium();
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.close();
  });
  afterAll(async () => {
    await chromium?.stop();
    await server.stop();
  });

  const phone = async (kind: PagePhoneKind, transport: "ws" | "wss", user: "alice" | "bob", hertz: number) => {
    const url = `${transport}://${server.at[transport]}`;
    const made = await chromium.phone({ kind, url, user, domain, password: users[user], hertz });
    phones.push(made);
    return made;
  };

  test.each(ways)("over %s %s calls %s: each hears the other, also after a hold", async (transport, caller, callee) => {
    const [alice, bob] = await Promise.all([
      phone(caller, transport, "alice", 500),
      phone(callee, transport, "bob", 900),
    ]);
    await alice.dial(`sip:bob@${domain}`);
    await Promise.all([alice.hears(900), bob.hears(500)]);
    await alice.run("hold", true);
    await bob.hears(0);
    await alice.run("hold", false);
    await bob.hears(500);
    const { received, lost } = await alice.statistics();
    expect(received).toBeGreaterThan(0);
    expect(lost).toBe(0);
    await bob.run("hangup");
    await Promise.all([alice.event(/^ended/), bob.event(/^ended/)]);
  });

  test("a call to a page that is closed fails at once: its connection was the only way to it", async () => {
    const [alice, bob] = await Promise.all([phone("jssip", "ws", "alice", 500), phone("sipjs", "wss", "bob", 900)]);
    phones.splice(phones.indexOf(bob), 1);
    await bob.close();
    const began = performance.now();
    const outcome = await alice.dial(`sip:bob@${domain}`).catch(String);
    expect(outcome).toContain("failed Unavailable");
    expect(performance.now() - began).toBeLessThan(2000);
  });
});
