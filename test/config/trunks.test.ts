// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what the configuration writes
/** `trunks:` of the configuration: what is completed, what is refused and where, and what routes say about them. */
import { describe, expect, test } from "bun:test";
import { type Config, type Loaded, readConfig } from "../../src/config/index.ts";

const load = (text: string): Promise<Loaded> =>
  readConfig(new TextEncoder().encode(`domains: [home.example]\n${text}\n`), "/nowhere/siproc.yaml", {
    environment: { PATH: process.env.PATH ?? "", SECRET: "wonderland" },
  });

async function good(text: string): Promise<Config> {
  const loaded = await load(text);
  if (!loaded.ok) throw new TypeError(loaded.problems.map(({ message }) => message).join("\n"));
  return loaded.config;
}

const told = async (text: string): Promise<string> => {
  const loaded = await load(text);
  const all = loaded.ok ? loaded.warnings : loaded.problems;
  return all.map(({ line, column, message }) => `${line}:${column}: ${message}`).join("\n");
};

const acct = "{ name: p, registrar: 'sip:sip.p.example', username: acct, password: x }";

describe("a trunk", () => {
  test("is complete with what the other keys say", async () => {
    const { trunks } = await good(
      `trunks: [{ name: p, registrar: "sip:sip.p.example:5080", username: acct, password: "\${SECRET}" }]`,
    );
    expect(trunks).toEqual([
      {
        name: "p",
        registrar: "sip:sip.p.example:5080",
        id: "<sip:acct@sip.p.example>",
        user: "acct",
        domain: "sip.p.example",
        address: "sip.p.example:5080",
        scheme: "sip",
        auth: { user: "acct", password: "wonderland", realm: undefined },
        expires: 3600,
        retry: { first: 30_000, longest: 1_800_000 },
        keepalive: 25_000,
        proxy: undefined,
        strictRoute: false,
        transport: undefined,
      },
    ]);
  });

  test.each<[string, object]>([
    ["id: '\"Full Name\" <sip:acct@p.example>'", { id: '"Full Name" <sip:acct@p.example>', domain: "p.example" }],
    ["id: Full Name <sip:acct@p.example>", { id: "Full Name <sip:acct@p.example>", user: "acct" }],
    ["id: sip:acct@p.example", { id: "<sip:acct@p.example>", registrar: "sip:p.example" }],
    ["id: sip:acct@p.example, username: other, password: x", { user: "acct", auth: { user: "other", password: "x" } }],
    ["id: 'sip:a%20b@p.example', password: x", { user: "a%20b", auth: { user: "a b", password: "x" } }],
    ["id: sip:acct@p.example, srtp: optional", { srtp: "optional" }],
    ["id: sip:acct@p.example, transport: tcp", { registrar: "sip:p.example;transport=tcp", transport: "tcp" }],
    [
      "id: sip:acct@p.example, transport: tcp, proxy: 'sip:edge;lr'",
      { registrar: "sip:p.example", proxy: "sip:edge;lr;transport=tcp" },
    ],
    ["id: sip:acct@p.example, register: false", { registrar: undefined, domain: "p.example" }],
    ["id: sip:acct@p.example, registrar: 'sips:r.example'", { scheme: "sips", domain: "r.example" }],
    ["id: sip:acct@p.example, retry: 2s, retry_max: 1s", { retry: { first: 2000, longest: 2000 } }],
  ])("{ %s }", async (keys, expected) => {
    expect((await good(`trunks: [{ name: p, ${keys} }]`)).trunks[0]).toMatchObject(expected);
  });

  test.each<[string, string]>([
    ["trunks: [{ id: sip:a@b.example }]", "2:10: the trunk's name is missing"],
    ["trunks: [{ name: p }]", "2:10: it is not said where the trunk leads; add registrar, id or domain"],
    ["trunks: [{ name: p, registrar: 'sip:r.example' }]", "2:10: it is not said who we are there"],
    ["trunks: [{ name: p, registrar: r.example, username: u }]", "write sip:r.example"],
    ["trunks: [{ name: p, registrar: 'sip:u@r.example', username: u }]", "a registrar has no user"],
    ["trunks: [{ name: p, id: 'sip:r.example' }]", "the user is missing"],
    ["trunks: [{ name: p, id: sip:a@b.example, strict_route: true }]", "strict_route says what the proxy is"],
    [`trunks: [${acct}, ${acct}]`, "there is another trunk “p”"],
    ["trunks: [{ name: p, id: sip:a@b.example }]\nroutes: [{ to: x, reply: 404 }]", "this trunk has no password"],
  ])("%s is told of", async (text, message) => expect(await told(text)).toContain(message));

  test("no message shows its password", async () => {
    expect(await told("trunks: [{ name: p, id: sip:a@b.example, password: [hunter2] }]")).not.toContain("hunter2");
  });
});

describe("a route", () => {
  const routes = async (text: string) => (await good(`trunks: [${acct}]\nroutes: [${text}]`)).routes[0];

  test("with a trunk alone goes out through it", async () => {
    expect(
      await routes("{ to: '/^00(\\d+)@/', trunk: p, number: '+$1', auth: any }, { reply: 404 }").catch(String),
    ).toContain("auth asks for the password of an account");
    expect((await routes("{ to: '/^00(\\d+)@/', from: '*', trunk: p, number: '+$1' }"))?.action).toEqual({
      type: "trunk",
      name: "p",
      number: "+$1",
    });
  });

  test("with a trunk beside another action takes what comes in by it", async () => {
    expect(await routes("{ trunk: p, reply: 486 }")).toMatchObject({
      trunk: "p",
      action: { type: "reply", code: 486 },
    });
  });

  test.each<[string, string]>([
    ["{ to: x, trunk: q }", "3:26: there is no trunk “q”; did you mean p?"],
    ["{ trunk: pp, reply: 404 }", "there is no trunk “pp”; did you mean p?"],
    ["{ to: '00*', trunk: p, number: $1, from: '*' }", "the number uses $1, but there is no such group"],
    ["{ to: '00*', reply: 404, number: '1' }", "number says whom to call through a trunk"],
    ["{ to: '00*', trunk: p }", "anybody may call out through p, at your cost; add auth: true"],
    ["{ method: BYE, trunk: p }", "trunk handles calls, which come as INVITE"],
  ])("%s is told of", async (text, message) => {
    expect(await told(`trunks: [${acct}]\nroutes: [${text}]`)).toContain(message);
  });
});
