/**
 * Two baresips and a linphone register and call each other in all pairs, each hearing the other's tone: over each transport, and
 * each over its own, where both proxies stand in the dialog twice (RFC 5658).
 */
import { afterAll, beforeAll, describe, test } from "bun:test";
import { certificatesFor } from "../support/peers/authority.ts";
import { has } from "../support/peers/available.ts";
import { phoneHost } from "../support/peers/baresip.ts";
import { baresipAt, linphoneAt, type Phone, type PhoneTransport } from "../support/peers/phones.ts";
import { domain, type Provider, provider, type User } from "../support/peers/provider.ts";
import { until } from "../support/peers/until.ts";

const pairs: [User, User][] = [
  ["alice", "bob"],
  ["bob", "carol"],
  ["carol", "alice"],
  ["alice", "carol"],
  ["carol", "bob"],
  ["bob", "alice"],
];

const ways: ["stateful" | "stateless", PhoneTransport, PhoneTransport, PhoneTransport][] = [
  ["stateful", "udp", "udp", "udp"],
  ["stateful", "tcp", "tcp", "tcp"],
  ["stateful", "tls", "tls", "tls"],
  ["stateful", "udp", "tcp", "tls"],
  ["stateless", "tls", "udp", "tcp"],
];

describe.skipIf(!has("baresip", "linphonec", "sox", "openssl"))("registered phones", () => {
  describe.each(ways)("%s, over %s, %s and %s", (mode, ofAlice, ofBob, ofCarol) => {
    let server: Provider;
    const phones = new Map<User, Phone>();
    const phone = (user: User) => {
      const found = phones.get(user);
      if (found === undefined) throw new RangeError(`${user} has no phone`);
      return found;
    };
    beforeAll(async () => {
      server = await provider({ mode, certificates: certificatesFor([domain, phoneHost]) });
      const starting = [
        baresipAt(server, { user: "alice", tone: 500, transport: ofAlice }),
        baresipAt(server, { user: "bob", tone: 900, transport: ofBob }),
        linphoneAt(server, { user: "carol", tone: 1300, transport: ofCarol }),
      ];
      await Promise.all(starting.map(async (one) => phones.set((await one).user, await one)));
    });
    afterAll(async () => {
      await Promise.all([...phones.values()].map((one) => one.stop()));
      await server?.stop();
    });

    test.each(pairs)("%s calls %s, they hear each other, and either may hang up", async (from, to) => {
      const [caller, callee] = [phone(from), phone(to)];
      await caller.dial(callee.uri);
      await until("each other's tone", () => caller.heard() === callee.tone && callee.heard() === caller.tone);
      await (from < to ? caller : callee).hangup();
      await Promise.all([caller.ended(), callee.ended()]);
    });
  });
});
