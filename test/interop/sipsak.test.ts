/** sipsak: OPTIONS, a registration, requests with characters that are wrong, and a flood that only its source feels. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { phoneHost } from "../support/peers/baresip.ts";
import { canMakeNetworks, type Place, worlds } from "../support/peers/netns.ts";
import { Program } from "../support/peers/program.ts";
import { type Provider, provider, users } from "../support/peers/provider.ts";

const somewhere: Place = { host: phoneHost, prefix: [] };
const sipsak = ({ host, prefix }: Place, ...args: string[]) =>
  new Program({ command: [...prefix, "sipsak", "-H", host, ...args] });

/** Its exit code (0: as wished, 2: refused, 3: no answer) and all that it said. */
async function said(place: Place, ...args: string[]): Promise<{ code: number; text: string }> {
  const program = sipsak(place, ...args);
  const code = await program.finish(10_000);
  return { code, text: program.lines.join("\n") };
}

describe.skipIf(!has("sipsak"))("sipsak", () => {
  let server: Provider;
  beforeAll(async () => {
    server = await provider();
  });
  afterAll(async () => void (await server.stop()));

  test("OPTIONS are answered with what is understood", async () => {
    const { code, text } = await said(somewhere, "-vv", "-s", `sip:${server.address}`);
    expect(code).toBe(0);
    expect(text).toContain("SIP/2.0 200 OK");
    expect(text).toMatch(/^Allow: .*INVITE/m);
  });

  test.each([
    ["the right password", users.alice, 0],
    ["a wrong one", "mad hatter", 2],
  ])("a registration with %s", async (_, password, expected) => {
    const { code } = await said(
      somewhere,
      "-U",
      "-x",
      "60",
      "-u",
      "alice",
      "-a",
      password,
      "-s",
      `sip:alice@${server.address}`,
    );
    expect(code).toBe(expected);
  });

  test("requests with ever more wrong characters do no harm", async () => {
    await Promise.all(
      [1, 20, 200].map((most) => said(somewhere, "-R", "-t", `${most}`, "-s", `sip:${server.address}`)),
    );
    expect((await said(somewhere, "-s", `sip:${server.address}`)).code).toBe(0);
    expect(server.program.lines.filter((line) => /error/i.test(line))).toEqual([]);
  });
});

describe.skipIf(!has("sipsak", "ip", "nft") || !canMakeNetworks())("a flood from one home", () => {
  const open: { stop(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop();
  });

  test("is not answered for long, and another home notices nothing", async () => {
    const world = await worlds([1, 1]);
    open.push(world);
    const [[bad] = [], [good] = []] = world.homes;
    if (bad === undefined || good === undefined) throw new RangeError("no homes");
    const server = await provider({ place: world.server });
    open.push(server);
    const target = `sip:${server.address}`;
    const flood = sipsak(bad, "-F", "-e", "1000000", "-s", target);
    open.push(flood);
    await flood.line(/./, 200).catch(() => undefined);
    for (let n = 0; n < 10; n++) {
      expect((await said(good, "-vv", "-s", target)).code).toBe(0);
    }
    const { code } = await said(
      good,
      "-U",
      "-x",
      "60",
      "-u",
      "bob",
      "-a",
      users.bob,
      "-s",
      `sip:bob@${server.address}`,
    );
    expect(code).toBe(0);
    // 503, or silence until sipsak gives up.
    expect((await said(bad, "-vv", "-s", target)).text).not.toMatch(/SIP\/2.0 200/);
  });
});
