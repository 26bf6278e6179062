/** BRIDGE, CONFERENCE and what belongs to them, in virtual time, with audio that is a fake. */
import { describe, expect, test } from "bun:test";
import { Switchboard } from "../support/switchboard.ts";

describe("BRIDGE", () => {
  test("joins two calls until one says UNBRIDGE; both go on", () => {
    const board = new Switchboard();
    const [a, b] = [board.connected(), board.connected()];
    const bridged = board.perform(a, { name: "BRIDGE", call: "in2" });
    expect(a.take()).toEqual(["BRIDGED in2"]);
    expect(b.take()).toEqual(["BRIDGED in1"]);
    expect(bridged.outcome).toBeUndefined();
    expect(board.perform(b, { name: "UNBRIDGE" }).outcome).toEqual({ ok: true });
    expect(bridged.outcome).toEqual({ ok: true });
    expect(a.take()).toEqual(["UNBRIDGED in2 unbridge"]);
    expect(b.take()).toEqual(["UNBRIDGED in1 unbridge"]);
    expect([a.call.session.phase.name, b.call.session.phase.name]).toEqual(["confirmed", "confirmed"]);
    expect(a.audio().take()).toEqual([expect.stringMatching(/^join bridge/), "leave"]);
  });

  test("ends with either call", () => {
    const board = new Switchboard();
    const [a, b] = [board.connected(), board.connected()];
    const bridged = board.perform(a, { name: "BRIDGE", call: "in2" });
    board.hangUp(b);
    expect(bridged.outcome).toEqual({ ok: true });
    expect(a.take()).toEqual(["BRIDGED in2", "UNBRIDGED in2 hangup"]);
    expect(b.take()).toEqual(["BRIDGED in1", "UNBRIDGED in1 hangup", "ENDED remote hangup 200"]);
  });

  test("takes a call out of the one before", () => {
    const board = new Switchboard();
    const [a, b, c] = [board.connected(), board.connected(), board.connected()];
    const first = board.perform(a, { name: "BRIDGE", call: "in2" });
    board.perform(c, { name: "BRIDGE", call: "in1" });
    expect(first.outcome).toEqual({ ok: true });
    expect(a.take()).toEqual(["BRIDGED in2", "UNBRIDGED in2 moved", "BRIDGED in3"]);
    expect(b.take()).toEqual(["BRIDGED in1", "UNBRIDGED in1 moved"]);
  });

  test("takes the call that a DIAL has made, which then lives as long as that lasts", () => {
    const board = new Switchboard();
    const [a, b] = [board.connected(), board.connected()];
    const dialed = board.perform(a, { name: "DIAL", targets: "sip:bob@192.0.2.9" });
    board.answers("sip:bob@192.0.2.9");
    const id = board.legs[0]?.call.facts.id ?? "";
    board.perform(b, { name: "BRIDGE", call: id });
    expect(dialed.outcome).toMatchObject({ ok: true, value: { status: "answered" } });
    expect(board.legs).toHaveLength(1);
    board.perform(b, { name: "UNBRIDGE" });
    expect(board.legs).toHaveLength(0);
  });

  test.each([
    ["a call that is not there", "nobody", "there is no call nobody"],
    ["itself", "in1", "a call cannot be joined to itself"],
    ["one that nobody has answered", "in2", "the call in2 has no audio yet"],
  ])("refuses %s", (_, call, reason) => {
    const board = new Switchboard();
    const a = board.connected();
    board.incoming();
    expect(board.perform(a, { name: "BRIDGE", call }).outcome).toEqual({
      ok: false,
      failure: { command: "BRIDGE", reason },
    });
  });
});

describe("CONFERENCE", () => {
  test("tells all who comes and who goes, and ends with the last", () => {
    const board = new Switchboard();
    const [a, b] = [board.connected(), board.connected()];
    const first = board.perform(a, { name: "CONFERENCE", room: "sales" });
    board.perform(b, { name: "CONFERENCE", room: "sales", muted: true, tones: false });
    expect(a.take()).toEqual(["JOINED sales in1 1", "JOINED sales in2 2"]);
    expect(b.take()).toEqual(["JOINED sales in2 2"]);
    expect(a.audio().take()).toEqual(["join room sales announced"]);
    expect(b.audio().take()).toEqual(["join room sales listen-only"]);
    board.hangUp(b);
    expect(a.take()).toEqual(["LEFT sales in2 1 hangup"]);
    board.perform(a, { name: "UNBRIDGE" });
    expect(first.outcome).toEqual({ ok: true });
    expect(a.take()).toEqual(["LEFT sales in1 0 unbridge"]);
    expect(a.audio().take()).toEqual(["leave announced"]);
    expect(board.rooms.size).toBe(0);
  });

  test("of another name takes a call out of the one before", () => {
    const board = new Switchboard();
    const a = board.connected();
    const first = board.perform(a, { name: "CONFERENCE", room: "sales" });
    board.perform(a, { name: "CONFERENCE", room: "support" });
    expect(first.outcome).toEqual({ ok: true });
    expect(a.take()).toEqual(["JOINED sales in1 1", "LEFT sales in1 0 moved", "JOINED support in1 1"]);
    expect(board.rooms.size).toBe(1);
  });

  test("KICK puts another out, whose call goes on", () => {
    const board = new Switchboard();
    const [a, b, c] = [board.connected(), board.connected(), board.connected()];
    board.perform(a, { name: "CONFERENCE", room: "sales" });
    const second = board.perform(b, { name: "CONFERENCE", room: "sales" });
    board.perform(c, { name: "CONFERENCE", room: "support" });
    expect(board.perform(a, { name: "KICK", call: "in2" }).outcome).toEqual({ ok: true });
    expect(second.outcome).toEqual({ ok: true });
    expect(b.take().at(-1)).toBe("LEFT sales in2 1 kicked");
    expect(b.call.session.phase.name).toBe("confirmed");
    for (const call of ["in2", "in3", "in9"])
      expect(board.perform(a, { name: "KICK", call }).outcome).toMatchObject({
        failure: { reason: "that call is not in the same room" },
      });
  });

  test("LISTENONLY silences oneself or another of the same room", () => {
    const board = new Switchboard();
    const [a, b, c] = [board.connected(), board.connected(), board.connected()];
    for (const party of [a, b]) board.perform(party, { name: "CONFERENCE", room: "sales" });
    expect(board.perform(a, { name: "LISTENONLY", on: true, call: "in2" }).outcome).toEqual({ ok: true });
    expect(board.perform(a, { name: "LISTENONLY", on: false }).outcome).toEqual({ ok: true });
    expect(b.audio().take().at(-1)).toBe("listen-only true");
    expect(a.audio().take().at(-1)).toBe("listen-only false");
    expect(board.perform(c, { name: "LISTENONLY", on: true, call: "in2" }).outcome).toMatchObject({ ok: false });
    expect(board.perform(c, { name: "LISTENONLY", on: true }).outcome).toMatchObject({
      failure: { reason: "this call is in no room" },
    });
  });

  test("is once for each call", () => {
    const board = new Switchboard();
    const a = board.connected();
    board.perform(a, { name: "CONFERENCE", room: "sales" });
    expect(board.perform(a, { name: "CONFERENCE", room: "sales" }).outcome).toMatchObject({
      failure: { reason: "this call is in that room already" },
    });
  });
});

test("TONE sounds until it is told otherwise", () => {
  const board = new Switchboard();
  const a = board.connected();
  board.perform(a, { name: "TONE", tone: "busy" });
  board.perform(a, { name: "TONE", tone: "off" });
  expect(a.audio().take()).toEqual(["tone busy", "no tone"]);
});
