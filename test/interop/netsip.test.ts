/** Net::SIP programs register with authentication, call each other through siproc, hold by re-INVITE, take back, and hang up. */
import { afterEach, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { netSipAnswerer, netSipCaller, readMuLaw } from "../support/peers/netsip.ts";
import { provider } from "../support/peers/provider.ts";
import { pitch } from "../support/peers/sound.ts";

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

const ways: [mode: "stateless" | "stateful", media: string, relay: boolean][] = [
  ["stateless", "media from phone to phone", false],
  ["stateful", "media from phone to phone", false],
  ["stateless", "relayed media", true],
  ["stateful", "relayed media", true],
];

describe.skipIf(!has("Net::SIP"))("Net::SIP phones", () => {
  test.each(ways)("%s proxy, %s: a call with hold, and each hears the other", async (mode, _, relay) => {
    const server = await provider({ mode, relay });
    open.push(server);
    const callee = await netSipAnswerer({ ...server.registration("bob"), user: "bob" }, 1100);
    open.push(callee.program);
    const caller = await netSipCaller(
      { ...server.registration("alice"), user: "alice" },
      { callee: "bob", tone: 700, phase: 0.5 },
    );
    open.push(caller.program);
    expect(await caller.program.finish(15_000)).toBe(0);
    expect(caller.program.stdout).toEqual([
      "REGISTERED 600",
      "CALL OK 200",
      "HOLD OK 200",
      "RESUME OK 200",
      "BYE answered",
    ]);
    await callee.program.line(/BYE/);
    const invites = callee.program.stdout.filter((line) => line.startsWith("INVITE"));
    expect(invites).toEqual(["INVITE alice open", "INVITE alice held", "INVITE alice open"]);
    expect(pitch(await readMuLaw(caller.heard))).toBe(1100);
    expect(pitch(await readMuLaw(callee.heard))).toBe(700);
  });

  test("with a wrong password nobody registers", async () => {
    const server = await provider();
    open.push(server);
    const phone = { ...server.registration("bob"), user: "bob", password: "wrong" };
    const callee = await netSipAnswerer(phone);
    open.push(callee.program);
    expect(callee.program.lines[0]).toStartWith("REFUSED");
  });
});
