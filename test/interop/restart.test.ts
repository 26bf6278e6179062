/** SIGKILL while phones are registered and talk: the next process calls them, and hangs up the calls that the first one set up (R6). */
import { afterEach, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { baresipAt, type Phone } from "../support/peers/phones.ts";
import { Program } from "../support/peers/program.ts";
import { type Provider, provider } from "../support/peers/provider.ts";
import { until } from "../support/peers/until.ts";

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

async function up(caller: Phone, callee: Phone): Promise<void> {
  await caller.dial(callee.uri);
  await until("each other's tone", () => caller.heard() === callee.tone && callee.heard() === caller.tone);
}

async function restarted(server: Provider): Promise<void> {
  const { command, folder } = server.started;
  server.program.signal("SIGKILL");
  await server.program.exited;
  const program = new Program({ command, cwd: folder });
  // To be stopped after the phones, which wait for the answer to their last REGISTER.
  open.unshift(program);
  await program.line(/listening/i);
}

describe.skipIf(!has("baresip"))("after SIGKILL and a new start", () => {
  test.each(["stateless", "stateful"] as const)("%s: dialogs go on, registrations are back", async (mode) => {
    const server = await provider({ mode, config: "store: sqlite:siproc.db" });
    open.push(server);
    const [alice, bob] = await Promise.all([
      baresipAt(server, { user: "alice", tone: 500 }),
      baresipAt(server, { user: "bob", tone: 900 }),
    ]);
    open.push(alice, bob);
    await up(alice, bob);
    // The loss window of registrations: what is older than a second is kept.
    await Bun.sleep(1000);
    await restarted(server);
    await bob.hangup();
    await Promise.all([alice.ended(), bob.ended()]);
    await up(bob, alice);
    await bob.hangup();
    await Promise.all([alice.ended(), bob.ended()]);
    expect(alice.heard()).toBe(bob.tone);
  });
});
