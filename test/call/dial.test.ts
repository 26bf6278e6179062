/** DIAL: who is called when, what the caller hears meanwhile, and how it ends. In virtual time, with audio that is a fake. */
import { describe, expect, test } from "bun:test";
import type { Command } from "../../src/call/index.ts";
import { offer } from "../support/agent.ts";
import { Switchboard } from "../support/switchboard.ts";

const bob = "sip:bob@192.0.2.9";
const carol = "sip:carol@192.0.2.9";
const dial = (rest: Partial<Command & { name: "DIAL" }> = {}): Command => ({ name: "DIAL", targets: bob, ...rest });

describe("a caller that is not answered yet", () => {
  test("hears it ring, and is answered when the other side answers", () => {
    const board = new Switchboard();
    const alice = board.incoming();
    const dialed = board.perform(alice, dial());
    expect(board.sent()).toEqual([`INVITE ${bob}`]);
    board.respond(bob, 180);
    expect(board.sent()).toEqual(["180"]);
    board.answers(bob);
    expect(board.sent()).toEqual(["200"]);
    board.acknowledge(alice);
    const [leg] = board.legs;
    expect(alice.take()).toEqual([
      `DIALING ${leg?.call.facts.id} ${bob}`,
      "CONNECTED",
      `BRIDGED ${leg?.call.facts.id}`,
    ]);
    const joined = (told: string[]) => told.filter((one) => one.startsWith("join"));
    expect(joined(alice.audio().take())).toEqual(joined(leg?.audio().take() ?? []));
    expect(dialed.outcome).toBeUndefined();
  });

  test("hears early media", () => {
    const board = new Switchboard();
    const alice = board.incoming();
    board.perform(alice, dial());
    board.respond(bob, 183, offer);
    expect(board.sent()).toContain("183");
    expect(
      alice
        .audio()
        .take()
        .some((told) => told.startsWith("join bridge")),
    ).toBe(true);
    expect(alice.take().map((event) => event.split(" ")[0])).toEqual(["DIALING"]);
    board.answers(bob);
    board.acknowledge(alice);
    expect(alice.take().map((event) => event.split(" ")[0])).toEqual(["CONNECTED", "BRIDGED"]);
  });

  test("stays unanswered when the other side refuses: what then is the handler's to say", () => {
    const board = new Switchboard();
    const alice = board.incoming();
    const dialed = board.perform(alice, dial());
    board.respond(bob, 486);
    expect(dialed.outcome).toEqual({ ok: true, value: { status: "busy", code: 486, duration: 0, target: bob } });
    expect(alice.call.session.phase.name).toBe("incoming");
    board.perform(alice, { name: "REJECT", code: 486 });
    expect(board.sent().at(-1)).toBe("486");
  });
});

describe("what DIAL tells of who did not answer", () => {
  test.each([
    [486, "busy"],
    [600, "busy"],
    [603, "refused"],
    [404, "refused"],
    [480, "unanswered"],
    [503, "unreachable"],
    [302, "refused"],
  ])("%d is %s", (code, status) => {
    const board = new Switchboard();
    const alice = board.connected();
    const dialed = board.perform(alice, dial());
    board.respond(bob, code);
    expect(dialed.outcome).toEqual({
      ok: true,
      value: { status, code, duration: 0, target: bob },
    } as typeof dialed.outcome);
    expect(alice.take().at(-1)).toBe(`DIALED ${status} ${code} ${bob} 0`);
  });

  test("no answer in time is CANCELled", async () => {
    const board = new Switchboard();
    const alice = board.connected();
    const dialed = board.perform(alice, dial({ timeout: 5000 }));
    board.respond(bob, 180);
    await board.wait(4990);
    expect(dialed.outcome).toBeUndefined();
    await board.wait(20);
    expect(dialed.outcome).toEqual({ ok: true, value: { status: "unanswered", code: 408, duration: 0, target: bob } });
    expect(board.sent()).toContain(`CANCEL ${bob}`);
    expect(board.legs).toEqual([]);
  });

  test("who may not be called is a failure of the command", () => {
    const board = new Switchboard();
    board.forbidden.add(bob);
    const alice = board.connected();
    const dialed = board.perform(alice, dial());
    expect(dialed.outcome).toEqual({ ok: false, failure: { command: "DIAL", reason: `${bob} may not be called` } });
    expect(alice.take()).toEqual([]);
  });
});

describe("an answered caller", () => {
  test("hears a ring-back tone until it is joined", () => {
    const board = new Switchboard();
    const alice = board.connected();
    board.perform(alice, dial());
    board.respond(bob, 180);
    expect(alice.audio().take()).toEqual(["tone ringback"]);
    board.answers(bob);
    expect(alice.audio().take()).toEqual(["no tone", expect.stringMatching(/^join bridge/)]);
  });

  test("hears none when that is not wanted", () => {
    const board = new Switchboard();
    const alice = board.connected();
    board.perform(alice, dial({ ringback: false }));
    board.respond(bob, 180);
    expect(alice.audio().take()).toEqual([]);
  });

  test("is apart from the other side when that hangs up, and goes on", async () => {
    const board = new Switchboard();
    const alice = board.connected();
    const dialed = board.perform(alice, dial());
    board.answers(bob);
    await board.wait(3000);
    alice.audio().take();
    board.calleeHangsUp(bob);
    expect(dialed.outcome).toEqual({ ok: true, value: { status: "answered", code: 200, duration: 3000, target: bob } });
    expect(alice.audio().take()).toContain("leave");
    expect(alice.take().slice(-2)).toEqual([
      expect.stringMatching(/^UNBRIDGED out\d+ hangup$/),
      `DIALED answered 200 ${bob} 3000`,
    ]);
    expect(alice.call.session.phase.name).toBe("confirmed");
  });

  test("that hangs up ends the other call", () => {
    const board = new Switchboard();
    const alice = board.connected();
    const dialed = board.perform(alice, dial());
    board.answers(bob);
    board.sent();
    board.hangUp(alice);
    expect(board.sent()).toContain("BYE");
    expect(board.legs).toEqual([]);
    expect(dialed.outcome).toMatchObject({ ok: true, value: { status: "answered" } });
    expect(alice.take().at(-1)).toBe("ENDED remote hangup 200");
  });

  test("that hangs up before the answer cancels the call", () => {
    const board = new Switchboard();
    const alice = board.connected();
    const dialed = board.perform(alice, dial());
    board.respond(bob, 180);
    board.hangUp(alice);
    expect(board.sent()).toContain(`CANCEL ${bob}`);
    expect(dialed.outcome).toMatchObject({ ok: true, value: { status: "cancelled", code: 487 } });
  });

  test("may talk so long and no longer", async () => {
    const board = new Switchboard();
    const alice = board.connected();
    const dialed = board.perform(alice, dial({ limit: 60_000 }));
    board.answers(bob);
    await board.wait(59_000);
    expect(dialed.outcome).toBeUndefined();
    await board.wait(1000);
    expect(dialed.outcome).toMatchObject({ ok: true, value: { status: "answered", duration: 60_000 } });
    expect(board.sent()).toContain("BYE");
    expect(alice.call.session.phase.name).toBe("confirmed");
  });

  test("has its keys passed on, and gets the other side's", () => {
    const board = new Switchboard();
    const alice = board.connected();
    board.perform(alice, dial());
    board.answers(bob);
    const [leg] = board.legs;
    leg?.audio().take();
    alice.audio().take();
    alice.audio().listener({ type: "dtmf", digit: "5", duration: 100 });
    leg?.audio().listener({ type: "dtmf", digit: "#", duration: 100 });
    expect(leg?.audio().take()).toEqual(["dtmf 0 5"]);
    expect(alice.audio().take()).toEqual(["dtmf 0 #"]);
    // Tones are in the sound, and would be heard twice.
    alice.audio().listener({ type: "dtmf", digit: "6", duration: 100, inSound: true });
    // That it cannot be passed on is no error of the handler's.
    leg?.audio().listener({ type: "error", command: "DTMF", id: 0, reason: "the call is on hold" });
    expect(leg?.audio().take()).toEqual([]);
    expect(alice.take().filter((event) => event.startsWith("ERROR"))).toEqual([]);
  });

  test("gives up by UNBRIDGE, whether it rings or talks", () => {
    for (const answered of [false, true]) {
      const board = new Switchboard();
      const alice = board.connected();
      const dialed = board.perform(alice, dial());
      if (answered) board.answers(bob);
      else board.respond(bob, 180);
      board.perform(alice, { name: "UNBRIDGE" });
      expect(dialed.outcome).toMatchObject({ ok: true, value: { status: answered ? "answered" : "cancelled" } });
      expect(board.sent()).toContain(answered ? "BYE" : `CANCEL ${bob}`);
      expect(board.legs).toEqual([]);
    }
  });

  test("has one DIAL at a time", () => {
    const board = new Switchboard();
    const alice = board.connected();
    board.perform(alice, dial());
    expect(board.perform(alice, dial()).outcome).toMatchObject({
      failure: { reason: "another DIAL is still running" },
    });
  });
});

describe("several targets", () => {
  const both = (order: "parallel" | "sequential") => dial({ targets: [bob, carol], order, timeout: 10_000 });

  test("are called at once: who answers first is joined, the others stop ringing", () => {
    const board = new Switchboard();
    const alice = board.connected();
    const dialed = board.perform(alice, both("parallel"));
    board.respond(bob, 180);
    board.respond(carol, 180);
    board.answers(carol);
    expect(board.sent()).toContain(`CANCEL ${bob}`);
    expect(board.legs.length).toBe(1);
    board.calleeHangsUp(carol);
    expect(dialed.outcome).toMatchObject({ value: { status: "answered", target: carol } });
  });

  test("one after the other: the next is called when one refuses or is silent", async () => {
    const board = new Switchboard();
    const alice = board.connected();
    const dialed = board.perform(alice, both("sequential"));
    expect([...board.invites.keys()]).toEqual([bob]);
    board.respond(bob, 486);
    expect([...board.invites.keys()]).toEqual([bob, carol]);
    board.respond(carol, 180);
    await board.wait(10_000);
    // Who is busy says more than who does not hear it ring.
    expect(dialed.outcome).toMatchObject({ value: { status: "busy", code: 486, target: bob } });
  });

  test("that are in part forbidden: the others are called", () => {
    const board = new Switchboard();
    board.forbidden.add(bob);
    const alice = board.connected();
    const dialed = board.perform(alice, both("sequential"));
    board.answers(carol);
    board.calleeHangsUp(carol);
    expect(dialed.outcome).toMatchObject({ value: { status: "answered", target: carol } });
  });

  test("two that answer at once: one is joined, the other hung up", () => {
    const board = new Switchboard();
    const alice = board.connected();
    board.perform(alice, both("parallel"));
    board.answers(bob);
    board.answers(carol);
    expect(board.legs.length).toBe(1);
    expect(board.sent()).toContain("BYE");
    expect(alice.take().filter((event) => event.startsWith("BRIDGED"))).toHaveLength(1);
  });
});
