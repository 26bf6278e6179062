/** What is forwarded when siproc is told to stop: a call whose media it relays goes on to its end, and is waited for (R6). */
import { afterEach, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { baresipAt, type Phone } from "../support/peers/phones.ts";
import { provider } from "../support/peers/provider.ts";
import { until } from "../support/peers/until.ts";

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

const hear = (one: Phone, other: Phone) => one.heard() === other.tone && other.heard() === one.tone;

describe.skipIf(!has("baresip", "sox") || Boolean(process.env.SIPROC_REFERENCE))("SIGTERM", () => {
  test("lets a relayed call go on, which ends the server when it ends", async () => {
    const server = await provider({ relay: true });
    open.push(server);
    const [alice, bob] = await Promise.all([
      baresipAt(server, { user: "alice", tone: 500 }),
      baresipAt(server, { user: "bob", tone: 900 }),
    ]);
    await alice.dial(bob.uri);
    await until("each other's tone", () => hear(alice, bob));
    server.program.signal("SIGTERM");
    await server.program.line(/1 call may go on/);
    // What they hear from now on.
    await Bun.sleep(500);
    await until("each other's tone after SIGTERM", () => hear(alice, bob));
    await bob.hangup();
    await Promise.all([alice.ended(), bob.ended()]);
    expect(await server.program.finish(10_000)).toBe(0);
    expect(server.program.stderr.join("\n")).not.toContain("ending what is still up");
    // Their last REGISTERs find nobody: they are not waited for.
    await Promise.all([alice.stop(), bob.stop()]);
  });
});
