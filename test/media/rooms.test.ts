/** Sessions that meet: the sound of one goes out at the others, whatever codec each has. */
import { describe, expect, test } from "bun:test";
import { g711 } from "../../src/media/codecs/g711.ts";
import { Rooms } from "../../src/media/rooms.ts";
import type { Configuration } from "../../src/media/types.ts";
import { octetOf, plain, quiet, start } from "./virtual-session.ts";

/** These rooms have none but G.711. */
const lawOf = (codec: Configuration["codec"]) => (codec === "PCMA" ? g711.PCMA : g711.PCMU);
const alaw: Configuration = { ...plain, codec: "PCMA", payloadType: 8 };

/** Sessions in one room, whose peers say their level for so many ticks. */
function meeting(configurations: readonly Configuration[], levels: readonly number[], listenOnly: number[] = []) {
  const rooms = new Rooms();
  const members = configurations.map((configuration) => start(configuration));
  for (const [i, { session }] of members.entries())
    rooms.join(session, { room: "r", listenOnly: listenOnly.includes(i), announced: false });
  const run = (ticks: number) => {
    for (let tick = 0; tick < ticks; tick++)
      for (const [i, member] of members.entries()) {
        const { codec, payloadType } = configurations[i] ?? plain;
        const octet = octetOf(levels[i] ?? 0, lawOf(codec));
        member.receive(new Uint8Array(160).fill(octet), { payloadType });
        member.tick();
      }
  };
  return { rooms, members, run };
}

/** The level that went out last, as its codec has it. */
const heardBy = (member: ReturnType<typeof start> | undefined, { codec }: Configuration) =>
  lawOf(codec).linear[member?.heard().at(-1) ?? 0] ?? 0;

describe("two sessions that are joined", () => {
  test.each([
    ["PCMU with PCMU", plain, plain],
    ["PCMU with PCMA", plain, alaw],
    ["PCMA with PCMA", alaw, alaw],
  ])("hear each other: %s", (_, a, b) => {
    const { members, run } = meeting([a, b], [4000, 1000]);
    run(12);
    expect(heardBy(members[0], a)).toBeWithin(960, 1040);
    expect(heardBy(members[1], b)).toBeWithin(3900, 4100);
  });

  test("are silent to each other once one has left", () => {
    const { rooms, members, run } = meeting([plain, plain], [4000, 1000]);
    run(12);
    const [a, b] = members;
    if (b !== undefined) rooms.leave(b.session, false);
    run(6);
    expect([a?.heard().at(-1), b?.heard().at(-1)]).toEqual([quiet, quiet]);
    expect(rooms.size).toBe(1);
  });

  test("let go of their room with the last of them", async () => {
    const { rooms, members } = meeting([plain, plain], [0, 0]);
    for (const { session } of members) {
      rooms.leave(session, false);
      await session.close();
    }
    expect(rooms.size).toBe(0);
  });
});

test("three hear the two others; who only listens is heard by nobody", () => {
  const { members, run } = meeting([plain, alaw, plain], [1000, 2000, 4000], [2]);
  run(12);
  expect(heardBy(members[0], plain)).toBeWithin(1950, 2050);
  expect(heardBy(members[1], alaw)).toBeWithin(970, 1030);
  expect(heardBy(members[2], plain)).toBeWithin(2900, 3100);
});

test("who plays a tone, plays it to its peer alone", () => {
  const { members, run } = meeting([plain, plain], [0, 0]);
  members[0]?.session.tone("ringback");
  run(12);
  const loud = (member: (typeof members)[number] | undefined) =>
    member?.sent.some(({ payload }) => payload.some((octet) => Math.abs(g711.PCMU.linear[octet] ?? 0) > 3000));
  expect([loud(members[0]), loud(members[1])]).toEqual([true, false]);
});
