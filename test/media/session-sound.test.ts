/** Playing and recording, and who is not to be heard in either. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { encode, g711 } from "../../src/media/codecs/g711.ts";
import { folder, loaded, octetOf, peer, plain, quiet, sound, start } from "./virtual-session.ts";

describe("playing", () => {
  test("sends a file once and tells of its end", async () => {
    const { session, tick, events, heard } = start();
    const file = await sound(8000, 5);
    session.play(1, file);
    await loaded();
    tick(8);
    expect(heard()).toEqual([...new Array(5).fill(octetOf(8000)), quiet, quiet, quiet]);
    expect(events).toEqual([{ type: "played", id: 1, file, reason: "end" }]);
  });

  test("mixes several files and clips what is too loud", async () => {
    const { session, tick, heard } = start();
    for (const [id, level] of [12_000, -4000, 30_000].entries()) session.play(id, await sound(level, 2 + 2 * id));
    await loaded();
    tick(7);
    const first = octetOf(32_767);
    expect(heard()).toEqual([first, first, octetOf(26_000), octetOf(26_000), octetOf(30_000), octetOf(30_000), quiet]);
  });

  test("stops the file that was started last, then the one before", async () => {
    const { session, tick, heard, events } = start();
    const [a, b] = [await sound(4000, 50), await sound(16_000, 50)];
    session.play(1, a);
    session.play(2, b);
    await loaded();
    tick();
    session.stop();
    tick();
    session.stop();
    session.stop();
    tick();
    expect(heard()).toEqual([octetOf(20_000), octetOf(4000), quiet]);
    expect(events.map((event) => event.type === "played" && [event.id, event.reason])).toEqual([
      [2, "stopped"],
      [1, "stopped"],
    ]);
  });

  test("stops a file that is still being opened", async () => {
    const { session, tick, heard, events } = start();
    session.play(1, await sound(8000, 5));
    session.stop();
    await loaded();
    tick(2);
    expect(heard()).toEqual([quiet, quiet]);
    expect(events.length).toBe(1);
  });

  test("goes on unheard while muted", async () => {
    const { session, tick, heard } = start();
    session.play(1, await sound(8000, 6));
    await loaded();
    tick(2);
    session.mute(true);
    tick(2);
    session.mute(false);
    tick(3);
    const loud = octetOf(8000);
    expect(heard()).toEqual([loud, loud, quiet, quiet, loud, loud, quiet]);
  });

  test("goes on in another codec when that is negotiated meanwhile", async () => {
    const { session, tick, sent } = start();
    session.play(1, await sound(8000, 6));
    await loaded();
    tick(2);
    session.configure({ ...plain, codec: "PCMA", payloadType: 8 });
    tick(2);
    const again = octetOf(g711.PCMU.linear[octetOf(8000)] ?? 0, g711.PCMA);
    expect(sent.map(({ payloadType, payload }) => [payloadType, payload[0]])).toEqual([
      [0, octetOf(8000)],
      [0, octetOf(8000)],
      [8, again],
      [8, again],
    ]);
  });

  test("tells what is wrong with a file", async () => {
    const { session, events } = start();
    session.play(3, join(folder, "nothing.wav"));
    await loaded();
    expect(events).toMatchObject([{ type: "error", command: "PLAY", id: 3, reason: "it cannot be read (ENOENT)" }]);
  });
});

describe("recording", () => {
  test("holds both sides, aligned", async () => {
    const { session, tick, receive, events } = start();
    const path = join(folder, "both.wav");
    session.record(path, "stereo");
    session.play(1, await sound(8000, 20));
    await loaded();
    const theirs = new Uint8Array(160).fill(octetOf(-8000));
    for (let i = 0; i < 50; i++) {
      if (i < 20) receive(theirs);
      tick();
    }
    session.record(undefined, "mono");
    while (events.at(-1)?.type !== "recorded") await loaded();
    expect(events.at(-1)).toEqual({ type: "recorded", file: path, milliseconds: 1000 });
    const samples = new Int16Array(await Bun.file(path).slice(44).arrayBuffer());
    const side = (channel: number) =>
      Array.from({ length: 50 }, (_, frame) => Math.sign(samples[2 * (frame * 160 + 80) + channel] ?? 0));
    expect(side(0)).toEqual([...new Array(20).fill(1), ...new Array(30).fill(0)]);
    expect(side(1).filter((sign) => sign < 0).length).toBeWithin(20, 24);
    expect(side(1).indexOf(-1)).toBeLessThanOrEqual(3);
  });

  test("ends with the session, before `closed`", async () => {
    const { session, tick, events } = start();
    session.record(join(folder, "ends.wav"), "mono");
    tick(10);
    await session.close();
    expect(events.map(({ type }) => type)).toEqual(["recording", "recorded", "closed"]);
  });

  test("that cannot be written is an error and no more", async () => {
    const { session, tick, events } = start();
    session.record("/dev/full", "mono");
    tick(200);
    await loaded();
    expect(events.filter(({ type }) => type === "error")).toMatchObject([
      { command: "RECORD", reason: "it cannot be written (ENOSPC)" },
    ]);
    await session.close();
  });
});

describe("a third party that sprays packets", () => {
  test("is not heard, presses no keys, and hears nothing", async () => {
    const { session, sent, tick, receive, events } = start();
    const path = join(folder, "bleed.wav");
    session.record(path, "stereo");
    await loaded();
    const loud = new Uint8Array(160);
    encode(g711.PCMU, new Int16Array(160).fill(20_000), loud, 0, 160);
    for (let i = 0; i < 100; i++) {
      receive(loud, { host: "127.0.0.2" });
      receive(Uint8Array.of(1, 0x80, 3, 0), { host: "127.0.0.2", payloadType: 101 });
      session.receiveRtcp(Uint8Array.fromHex("80c9000100001234"), 4001, "127.0.0.2");
      tick();
    }
    expect(session.stats).toMatchObject({ receivedPackets: 0, dropped: 300 });
    expect(sent.every(({ to }) => to === "127.0.0.1:4000")).toBe(true);
    await session.close();
    expect(events.map(({ type }) => type)).toEqual(["recording", "recorded", "closed"]);
    const samples = new Int16Array(await Bun.file(path).slice(44).arrayBuffer());
    expect(samples.every((sample) => sample === 0)).toBe(true);
  });

  test("cannot take over from the peer once it was heard", () => {
    const { session, sent, tick, receive } = start({ ...plain, remote: { ...peer, host: "192.168.7.7" } });
    const silence = new Uint8Array(160).fill(quiet);
    receive(silence, { host: "198.51.100.1", port: 7000 });
    receive(silence, { host: "198.51.100.1", port: 7000 });
    for (let i = 0; i < 20; i++) receive(silence, { host: "198.51.100.66", port: 7000 });
    tick();
    expect(sent[0]?.to).toBe("198.51.100.1:7000");
    expect(session.stats).toMatchObject({ receivedPackets: 1, dropped: 21 });
  });
});
