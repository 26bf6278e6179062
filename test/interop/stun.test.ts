/** siproc behind a NAT asks a STUN server (coturn) how it is seen, and is heard from outside because of that. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { Baresip } from "../support/peers/baresip.ts";
import { type Coturn, startCoturn } from "../support/peers/coturn.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { canMakeNetworks, type Worlds, worlds } from "../support/peers/netns.ts";
import { Program } from "../support/peers/program.ts";
import { binary } from "../support/peers/siproc.ts";

describe.skipIf(!has("baresip", "turnserver", "ip", "nft") || !canMakeNetworks())("siproc behind a NAT", () => {
  let world: Worlds;
  let coturn: Coturn;
  let desk: Baresip;
  let siproc: Program;
  beforeAll(async () => {
    world = await worlds([1], { street: 1, steady: true });
    const [street] = world.street;
    const [home] = world.homes[0] ?? [];
    if (street === undefined || home === undefined) throw new RangeError("no places");
    coturn = await startCoturn(world.server.host, "not asked for", world.server.prefix);
    desk = await Baresip.start({ ...street, user: "desk", autoAnswer: true, codecs: ["PCMU"] });
    const folder = temporaryFolder("stun", {
      "keys.ts": `export default async function (call: Call) {
  const { digits } = await call.gather({ max: 3, terminator: "none", timeout: 30_000 });
  console.log("keys " + digits);
}`,
      "siproc.yaml": `listen: ["udp://${home.host}:5060"]
domains: [example.com]
stun: ["${coturn.host}:${coturn.port}"]
media: { ports: 10000-10099, codecs: [PCMU] }
`,
    });
    siproc = new Program({
      command: [...home.prefix, binary, "run", "siproc.yaml", "--events", "--log-level", "info"],
      cwd: folder,
      stdin: true,
    });
    await siproc.line(/"LISTENING"/);
  });
  afterAll(async () => {
    await siproc?.stop();
    await desk?.stop();
    await coturn?.stop();
    await world?.stop();
  });

  test("its SDP names the address outside, and keys pressed there reach it", async () => {
    await siproc.line(/seen from outside.*203\.0\.113\.21/);
    siproc.write(`${JSON.stringify({ command: "CALL", uri: desk.uri, script: "keys.ts" })}\n`);
    await desk.event("CALL_ESTABLISHED");
    await desk.press("592");
    await siproc.line(/keys 592/);
    expect(desk.program.lines.join("\n")).toContain("203.0.113.21");
  });
});
