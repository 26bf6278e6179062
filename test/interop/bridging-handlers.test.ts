/** What docs/bridging.md and the shipped scripts say of calls together, done by the binary; and programs that join calls by lines. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { examplesIn } from "../support/documents.ts";
import { has } from "../support/peers/available.ts";
import { Baresip, type BaresipOptions, phoneHost } from "../support/peers/baresip.ts";
import { placeCall } from "../support/peers/outgoing.ts";
import { repository, type Server, siproc } from "../support/peers/siproc.ts";
import { amplitude, part, pitch, readWav } from "../support/peers/sound.ts";

/** The example of the document that has these words. */
const example = (words: string) =>
  examplesIn("ts").find(({ place, text }) => place.startsWith("docs/bridging.md:") && text.includes(words))?.text ?? "";

/** A program that answers, tells its id in a file, and once it is connected writes what it is told to. */
const program = (name: string, then: string) => `#!/bin/sh
printf %s "$SIPROC_ID" > ${name}.id
echo ANSWER
while read -r event rest; do
  echo "$event $rest" >> ${name}.log
  case $event in
    CONNECTED) ${then} ;;
    ENDED) exit ;;
  esac
done
`;

describe.skipIf(!has("baresip", "sox"))("baresip", () => {
  let server: Server;
  let bob: Baresip;
  let carol: Baresip;
  const phones: Baresip[] = [];
  const named = (text: string) =>
    text.replaceAll("sip:bob@example.com", bob.uri).replaceAll("sip:carol@example.com", carol.uri);
  beforeAll(async () => {
    bob = await Baresip.start({ user: "bob", says: { tone: 900 } });
    carol = await Baresip.start({ user: "carol", says: { tone: 1300 }, autoAnswer: true });
    server = await siproc({
      host: phoneHost,
      scripts: true,
      files: {
        "one.ts": named(example("call.reject(code)")),
        "team.ts": named(example("const team")),
        "town.ts": example("town-hall"),
        "a.sh": program("a", ":"),
        "b.sh": program("b", 'echo "BRIDGE $(cat a.id)"; sleep 3; echo UNBRIDGE; sleep 1; exit'),
      },
      config: `routes:
  - { to: "one@*", script: one.ts }
  - { to: "team@*", script: team.ts }
  - { to: "town@*", script: town.ts }
  - { to: "listen@*", script: town.ts }
  - { to: "rooms@*", script: scripts/conference.ts }
  - { to: "a@*", exec: [sh, a.sh] }
  - { to: "b@*", exec: [sh, b.sh] }
scripts: { allow: { read: [scripts/sounds], dial: ["bob@*", "carol@*"] } }`,
    });
  }, 20_000);
  afterAll(async () => {
    await bob.stop();
    await carol.stop();
    await server.stop();
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.stop();
  });

  const start = async (options: BaresipOptions = {}) => {
    const phone = await Baresip.start(options);
    phones.push(phone);
    return phone;
  };
  const dial = async (user: string, options: BaresipOptions = {}) => {
    const phone = await start(options);
    await phone.dial(`sip:${user}@${server.address}`);
    return phone;
  };
  const hangUp = async (phone: Baresip) => {
    await phone.hangup();
    await phone.event("CALL_CLOSED");
  };
  /** What a phone has heard from `from` to `to` ms before the end. */
  const heard = (phone: Baresip, from: number, to: number, file = phone.heard().at(-1)) => {
    const sound = readWav(file ?? "");
    const length = ((sound.channels[0]?.length ?? 0) * 1000) / sound.rate;
    return part(sound, length - from, length - to);
  };

  test("one is called: it rings, is answered by hand, and its hang-up ends both", async () => {
    const events = bob.events.length;
    const alice = await dial("one", { says: { tone: 500 } });
    await bob.event("CALL_INCOMING", 5000, events);
    await alice.event("CALL_RINGING");
    expect(alice.events.some(({ type }) => type === "CALL_ESTABLISHED")).toBe(false);
    await bob.command("accept");
    await alice.event("CALL_ESTABLISHED");
    await Bun.sleep(2000);
    await bob.hangup();
    await alice.event("CALL_CLOSED");
    expect(pitch(heard(alice, 1200, 300))).toBe(900);
    expect(pitch(heard(bob, 1200, 300))).toBe(500);
  }, 20_000);

  test("one is called and refuses: so is the caller", async () => {
    const events = bob.events.length;
    const alice = await dial("one");
    await bob.event("CALL_INCOMING", 5000, events);
    await bob.hangup();
    expect((await alice.event("CALL_CLOSED")).detail).toContain("486");
  }, 20_000);

  test("of a team who answers is joined, and the other's phone stops ringing", async () => {
    const events = bob.events.length;
    const alice = await dial("team", { says: { tone: 500 } });
    await alice.event("CALL_ESTABLISHED");
    await bob.event("CALL_CLOSED", 5000, events);
    await Bun.sleep(1500);
    await hangUp(alice);
    expect(pitch(heard(alice, 1000, 300))).toBe(1300);
  }, 20_000);

  test("in the town hall who listens is not heard", async () => {
    const speaker = await dial("town", { says: { tone: 500 } });
    const listener = await dial("listen", { says: { tone: 700 } });
    await listener.event("CALL_ESTABLISHED");
    await Bun.sleep(2500);
    await Promise.all([hangUp(speaker), hangUp(listener)]);
    expect(pitch(heard(listener, 1200, 400))).toBe(500);
    expect(amplitude(heard(speaker, 1200, 400), 700)).toBeLessThan(0.02);
  }, 20_000);

  test("scripts/conference.ts: a room by its number; who came first silences the other and lets it speak again", async () => {
    const enter = async (tone: number) => {
      const phone = await dial("rooms", { says: { tone } });
      await phone.event("CALL_ESTABLISHED");
      await Bun.sleep(600);
      await phone.press("12#");
      return phone;
    };
    const first = await enter(500);
    await Bun.sleep(1500);
    const second = await enter(700);
    await Bun.sleep(1700);
    await first.press("*");
    await Bun.sleep(1600);
    await first.press("#");
    await Bun.sleep(1600);
    await Promise.all([hangUp(first), hangUp(second)]);
    const sound = heard(first, 6000, 0);
    const strengths = Array.from({ length: 29 }, (_, i) => amplitude(sound.subarray(i * 1600, (i + 1) * 1600), 700));
    const loud = strengths.map((strength) => strength > 0.2);
    // Loud, silent for a while, loud again.
    expect(loud.join(" ").replace(/(\w+)( \1)+/g, "$1")).toMatch(/true false true( false)?$/);
    expect(loud.filter((is) => !is).length).toBeWithin(6, 16);
    expect(pitch(heard(second, 1200, 400))).toBe(500);
  }, 30_000);

  test("programs join two calls by lines, and part them", async () => {
    const a = await dial("a", { says: { tone: 500 } });
    await a.event("CALL_ESTABLISHED");
    const b = await dial("b", { says: { tone: 700 } });
    await b.event("CALL_CLOSED", 10_000);
    const log = (name: string) => readFileSync(join(server.folder, `${name}.log`), "utf8").split("\n");
    const id = (name: string) => readFileSync(join(server.folder, `${name}.id`), "utf8");
    await hangUp(a);
    expect(log("a")).toContain(`BRIDGED ${id("b")}`);
    expect(log("a")).toContain(`UNBRIDGED ${id("b")} unbridge`);
    expect(pitch(heard(b, 2500, 1700))).toBe(500);
    expect(amplitude(heard(b, 500, 100), 500)).toBeLessThan(0.02);
  }, 20_000);

  test("siproc call places two calls and joins them", async () => {
    const alice = await start({ user: "alice", says: { tone: 500 }, autoAnswer: true });
    const events = carol.events.length;
    const call = placeCall(alice.uri, {
      host: phoneHost,
      script: named(example("click-to-dial")).replace(bob.uri, carol.uri),
      config: 'scripts: { allow: { dial: ["carol@*"] } }',
    });
    await carol.event("CALL_ESTABLISHED", 10_000, events);
    await Bun.sleep(2000);
    await carol.hangup();
    expect(await call.ended()).toMatchObject({ exit: 0, status: "answered" });
    await alice.event("CALL_CLOSED");
    expect(pitch(heard(alice, 1200, 400))).toBe(1300);
    expect(pitch(heard(carol, 1200, 400))).toBe(500);
  }, 20_000);
});

test("the document's examples are there", () => {
  for (const words of ["call.reject(code)", "const team", "town-hall", "click-to-dial"])
    expect(example(words)).not.toBe("");
  expect(readFileSync(join(repository, "scripts/reception.ts"), "utf8")).toContain("call.dial");
});
