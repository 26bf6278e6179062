/** Phones in two homes behind NATs call each other with audio both ways: the server outside relays it (`nat: relay`). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { canMakeNetworks, type Worlds, worlds } from "../support/peers/netns.ts";
import { netSipAnswerer, netSipCaller, readMuLaw } from "../support/peers/netsip.ts";
import { baresipAt, type Phone, type PhoneTransport } from "../support/peers/phones.ts";
import { type Provider, provider, type User } from "../support/peers/provider.ts";
import { pitch } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

const calls: [how: string, from: User, to: User][] = [
  ["between two homes", "alice", "carol"],
  ["between two homes, the other way round", "carol", "bob"],
  ["within one home", "alice", "bob"],
];

describe.skipIf(!has("baresip", "Net::SIP", "ip", "nft") || !canMakeNetworks())("phones behind NAT", () => {
  let world: Worlds;
  let server: Provider;
  beforeAll(async () => {
    world = await worlds([2, 1]);
    server = await provider({ place: world.server, relay: true });
  });
  afterAll(async () => {
    await server?.stop();
    await world?.stop();
  });

  test("a home's addresses lead nowhere from outside, nor does its NAT's", () => {
    const reach = (from: readonly string[], to: string) =>
      Bun.spawnSync([...from, "bash", "-c", `exec 3<>/dev/tcp/${to}/9`], { timeout: 500 }).stderr.toString();
    const [phone] = world.homes[0] ?? [];
    expect(reach(world.server.prefix, "10.1.0.11")).toContain("unreachable");
    expect(reach(phone?.prefix ?? [], world.server.host)).toContain("refused");
  });

  test("a call is held and taken back, from another port, and heard again", async () => {
    const [[here] = [], [there] = []] = world.homes;
    const callee = await netSipAnswerer({ ...there, ...server.registration("dave"), user: "dave" }, 1100);
    const caller = await netSipCaller(
      { ...here, ...server.registration("alice"), user: "alice" },
      { callee: "dave", tone: 700, phase: 0.7 },
    );
    await caller.program.finish(15_000);
    expect(caller.program.stdout).toEqual([
      "REGISTERED 600",
      "CALL OK 200",
      "HOLD OK 200",
      "RESUME OK 200",
      "BYE answered",
    ]);
    await callee.program.line(/BYE/);
    await callee.program.stop();
    // Both files begin anew when the call is taken back.
    for (const [{ heard }, tone] of [
      [caller, 1100],
      [callee, 700],
    ] as const) {
      const sound = await readMuLaw(heard);
      expect(sound.length).toBeGreaterThan(8000 * 0.4);
      expect(pitch(sound)).toBe(tone);
    }
  });

  describe.each<PhoneTransport>(["udp", "tcp"])("over %s", (transport) => {
    const phones = new Map<User, Phone>();
    const phone = (user: User) => {
      const found = phones.get(user);
      if (found === undefined) throw new RangeError(`${user} has no phone`);
      return found;
    };
    beforeAll(async () => {
      const places = [...(world.homes[0] ?? []), ...(world.homes[1] ?? [])];
      const [alice, bob, carol] = places;
      if (alice === undefined || bob === undefined || carol === undefined) throw new RangeError("no homes");
      const starting = [
        baresipAt(server, { user: "alice", tone: 500, transport, place: alice }),
        baresipAt(server, { user: "bob", tone: 900, transport, place: bob }),
        baresipAt(server, { user: "carol", tone: 1300, transport, place: carol }),
      ];
      await Promise.all(starting.map(async (one) => phones.set((await one).user, await one)));
    });
    afterAll(async () => void (await Promise.all([...phones.values()].map((one) => one.stop()))));

    test.each(calls)("%s: %s calls %s", async (_, from, to) => {
      const [caller, callee] = [phone(from), phone(to)];
      await caller.dial(callee.uri);
      await until("each other's tone", () => caller.heard() === callee.tone && callee.heard() === caller.tone);
      await callee.hangup();
      await Promise.all([caller.ended(), callee.ended()]);
    });
  });
});
