/** Two joined sessions of one codec: packets go through as they are, until something is to be mixed in, and then again. */
import { describe, expect, test } from "bun:test";
import { g711 } from "../../src/media/codecs/g711.ts";
import { Rooms } from "../../src/media/rooms.ts";
import type { Configuration } from "../../src/media/types.ts";
import { loaded, octetOf, plain, quiet, sound, start } from "./virtual-session.ts";

const alaw: Configuration = { ...plain, codec: "PCMA", payloadType: 8 };

function joined(a: Configuration = plain, b: Configuration = plain) {
  const rooms = new Rooms();
  const [alice, bob] = [start(a), start(b)];
  for (const { session } of [alice, bob]) rooms.join(session, { room: "r", listenOnly: false, announced: false });
  return { rooms, alice, bob };
}

/** The same octets in each packet, and such as no decoder and encoder would leave alone: minus zero. */
const minusZero = new Uint8Array(160).fill(0x7f);

describe("of one codec", () => {
  test("packets go out at once and untouched, with their gaps", () => {
    const { alice, bob } = joined();
    for (const [sequence, timestamp] of [
      [100, 1000],
      [101, 1160],
      [103, 1480],
      [102, 1320],
    ] as const)
      alice.receive(minusZero, { sequence, timestamp });
    const [first] = bob.sent;
    expect(bob.sent.map(({ payload }) => Buffer.from(payload).equals(minusZero))).toEqual([true, true, true, true]);
    expect(bob.sent.map(({ marker }) => marker)).toEqual([true, false, false, false]);
    const after = (value: number, by: number, bits: number) => (value + by) % 2 ** bits;
    expect(bob.sent.map(({ sequence }) => sequence)).toEqual(
      [0, 1, 3, 2].map((by) => after(first?.sequence ?? 0, by, 16)),
    );
    expect(bob.sent.map(({ timestamp }) => timestamp)).toEqual(
      [0, 160, 480, 320].map((by) => after(first?.timestamp ?? 0, by, 32)),
    );
  });

  test("nothing is made up meanwhile, and silence is when nobody has spoken for a second", () => {
    const { alice, bob } = joined();
    alice.receive(minusZero);
    bob.sent.splice(0);
    alice.tick(40);
    bob.tick(40);
    expect(bob.sent).toEqual([]);
    bob.tick(20);
    expect(bob.sent.length).toBeWithin(8, 12);
    expect(bob.sent.at(-1)?.payload.every((octet) => octet === quiet)).toBe(true);
  });

  test("sequence and time go on without a break between what is passed on and what is our own", () => {
    const { alice, bob } = joined();
    const speak = (ticks: number) => {
      for (let i = 0; i < ticks; i++) {
        alice.receive(minusZero);
        alice.tick();
        bob.tick();
      }
    };
    speak(5);
    bob.session.tone("busy");
    speak(5);
    bob.session.tone(undefined);
    speak(5);
    bob.session.dtmf(1, "5");
    speak(20);
    const { sent } = bob;
    for (const [i, packet] of sent.entries()) {
      const before = sent[i - 1];
      if (before === undefined) continue;
      expect((packet.sequence - before.sequence) & 0xffff).toBe(1);
      // A key's packets all have the time at which it was pressed.
      const step = (packet.timestamp - before.timestamp) | 0;
      expect(step).toBeWithin(-160, packet.payloadType === before.payloadType ? 321 : 1921);
    }
    expect(((sent.at(-1)?.timestamp ?? 0) - (sent[0]?.timestamp ?? 0)) | 0).toBeWithin(33 * 160, 36 * 160);
    expect(sent.length).toBeWithin(33, 38);
    const passed = sent.map(({ payload }) => payload.length === 160 && payload[0] === 0x7f);
    expect(passed.slice(0, 5)).toEqual([true, true, true, true, true]);
    expect(passed.slice(5, 9)).toEqual([false, false, false, false]);
    expect(passed.at(-1)).toBe(true);
  });

  test("a flood is not passed on", () => {
    const { alice, bob } = joined();
    for (let i = 0; i < 1000; i++) alice.receive(minusZero);
    expect(bob.sent.length).toBe(10);
  });

  test.each([
    [
      "only listens",
      (both: ReturnType<typeof joined>) => {
        const { seat } = both.alice.session;
        if (seat !== undefined) seat.heard = false;
      },
    ],
    ["is not to be heard, as the other is muted", (both: ReturnType<typeof joined>) => both.bob.session.mute(true)],
    [
      "is on hold",
      (both: ReturnType<typeof joined>) => both.bob.session.configure({ ...plain, direction: "recvonly" }),
    ],
    ["has left", (both: ReturnType<typeof joined>) => both.rooms.leave(both.alice.session, false)],
  ])("who %s is not passed on", (_, change) => {
    const both = joined();
    change(both);
    both.alice.receive(minusZero);
    expect(both.bob.sent).toEqual([]);
  });

  test("what plays is mixed with what the other says", async () => {
    const { alice, bob } = joined();
    const said = new Uint8Array(160).fill(octetOf(1000));
    bob.session.play(1, await sound(2000, 100));
    await loaded();
    for (let i = 0; i < 20; i++) {
      alice.receive(said);
      alice.tick();
      bob.tick();
    }
    expect(g711.PCMU.linear[bob.heard().at(-1) ?? 0]).toBeWithin(2900, 3100);
  });

  test("a third one makes a room of it: all is mixed", () => {
    const { rooms, alice, bob } = joined();
    const carol = start(plain);
    rooms.join(carol.session, { room: "r", listenOnly: false, announced: false });
    for (let i = 0; i < 15; i++)
      for (const [member, level] of [
        [alice, 1000],
        [bob, 2000],
        [carol, 4000],
      ] as const) {
        member.receive(new Uint8Array(160).fill(octetOf(level)));
        member.tick();
      }
    expect(g711.PCMU.linear[bob.heard().at(-1) ?? 0]).toBeWithin(4850, 5150);
  });
});

test("a new codec of the other's is mixed for at once", () => {
  const { alice, bob } = joined();
  const speak = () => {
    alice.receive(new Uint8Array(160).fill(octetOf(4000)));
    alice.tick();
    bob.tick();
  };
  for (let i = 0; i < 5; i++) speak();
  bob.session.configure(alaw);
  for (let i = 0; i < 12; i++) speak();
  expect(g711.PCMA.linear[bob.heard().at(-1) ?? 0]).toBeWithin(3900, 4100);
});

test("of two codecs nothing is passed on as it is", () => {
  const { alice, bob } = joined(plain, alaw);
  alice.receive(minusZero);
  expect(bob.sent).toEqual([]);
});

test("who sends in the other's codec, and gets one of his own, is mixed both ways", () => {
  const { alice, bob } = joined(
    {
      ...plain,
      receivePayloadTypes: [
        { payloadType: 0, codec: "PCMU" },
        { payloadType: 8, codec: "PCMA" },
      ],
    },
    alaw,
  );
  for (let n = 0; n < 20; n++) {
    alice.receive(minusZero, { payloadType: 8 });
    bob.receive(new Uint8Array(160).fill(octetOf(8000, g711.PCMA)), { payloadType: 8 });
    alice.tick();
    bob.tick();
  }
  // A-law and µ-law round it differently.
  expect(alice.heard().at(-1)).toBeWithin(octetOf(8000) - 2, octetOf(8000) + 3);
});
