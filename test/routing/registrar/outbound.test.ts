/** Path (RFC 3327), Service-Route (RFC 3608), flows of an instance (RFC 5626) and GRUUs (RFC 5627) at the registrar. */
import { describe, expect, test } from "bun:test";
import { locate, servedDomains, targetsOf } from "../../../src/routing/registrar/index.ts";
import { isSipUri, parseUri } from "../../../src/sip/uri.ts";
import { FakeFlow } from "../../support/fake-flow.ts";
import { Office, told } from "./office.ts";

const urn = "urn:uuid:00000000-0000-1000-8000-aabbccddeeff";
const instance = `+sip.instance="<${urn}>"`;
const proxied = "SIP/2.0/UDP 192.0.2.200:5060;branch=z9hG4bKp";
const edge = "<sip:edge.example.com;lr;ob>";

describe("Path", () => {
  test("is kept with the binding and told in the 200", () => {
    const office = new Office();
    const answer = office.register({
      contacts: ["<sip:alice@10.0.0.7>"],
      hops: [proxied],
      lines: [
        "Path: <sip:p2.example.com;lr>,<sip:p1.example.com;lr>",
        "Path: <sip:p0.example.com;lr>",
        "Supported: path",
      ],
    });
    expect(answer.values("path")).toEqual([
      "<sip:p2.example.com;lr>",
      "<sip:p1.example.com;lr>",
      "<sip:p0.example.com;lr>",
    ]);
    const [binding] = office.location.lookup("alice@example.com");
    expect(binding?.path).toEqual(answer.values("path"));
  });

  test.each([
    ["taken by default", undefined, [], 200],
    ["refused where the configuration says so", "refuse-unknowing", [], 420],
    ["taken there from clients that know it", "refuse-unknowing", ["k: gruu, PATH"], 200],
  ] as const)("of a client that does not say that it knows it: %s", (_name, path, lines, status) => {
    const office = new Office(path === undefined ? {} : { path });
    const answer = office.register({ contacts: ["<sip:a@10.0.0.7>"], lines: [`Path: ${edge}`, ...lines] });
    expect(answer.status).toBe(status);
    if (status === 420) expect(answer.header("unsupported")).toBe("path");
  });

  test.each([
    ["no URI", "Path: nonsense", "400 Malformed Path"],
    ["a number", "Path: <tel:+1>", "400 Malformed Path"],
    ["an inner address from outside", "Path: <sip:10.0.0.5;lr>", "403 Path Leads Inside"],
    ["this machine from outside", "Path: <sip:[::ffff:127.0.0.1]:5070;lr>", "403 Path Leads Inside"],
    ["an inner address as maddr", "Path: <sip:p.example;maddr=192.168.1.1;lr>", "403 Path Leads Inside"],
    ["thousands of octets", `Path: <sip:${"p".repeat(100)}.example;x=${"y".repeat(2000)}>`, "400 Path Too Long"],
  ])("with %s", (_name, line, says) => {
    expect(told(new Office().register({ contacts: ["<sip:a@10.0.0.7>"], lines: [line] }))).toBe(says);
  });
});

test("Service-Route is told in each 200", () => {
  const office = new Office({ serviceRoute: ["<sip:s1.example.com;lr>", "<sip:s2.example.com;lr>"] });
  expect(office.register().headers("service-route")).toEqual(["<sip:s1.example.com;lr>", "<sip:s2.example.com;lr>"]);
});

describe("flows of an instance", () => {
  const contact = (regId: number, host = "10.0.0.7") => `<sip:alice@${host}>;${instance};reg-id=${regId}`;
  const supported = ["Supported: path, outbound"];

  test("each is one binding, whatever its URI; the answer requires outbound", () => {
    const office = new Office();
    const first = office.register({ contacts: [contact(1)], lines: supported });
    expect([first.status, first.header("require"), first.header("flow-timer")]).toEqual([200, "outbound", undefined]);
    expect(first.header("contact")).toBe(`<sip:alice@10.0.0.7>;expires=3600;${instance};reg-id=1`);
    const tcp = new FakeFlow("tcp");
    const second = office.register({ contacts: [contact(2)], lines: supported, flow: tcp });
    expect(second.header("flow-timer")).toBe("120");
    office.register({ contacts: [contact(1, "10.0.0.99")], lines: supported, callId: "rebooted", cseq: 1 });
    expect(office.contacts()).toEqual(["sip:alice@10.0.0.99;expires=3600", "sip:alice@10.0.0.7;expires=3600"]);
  });

  test.each([
    [
      "without an instance the number means nothing",
      "<sip:a@10.0.0.7>;reg-id=1",
      [],
      ["Supported: outbound"],
      200,
      false,
    ],
    [
      "a number that is none means nothing",
      `<sip:a@10.0.0.7>;${instance};reg-id=0`,
      [],
      ["Supported: outbound"],
      200,
      false,
    ],
    [
      "a client that does not say outbound gets no Require",
      `<sip:a@10.0.0.7>;${instance};reg-id=1`,
      [],
      [],
      200,
      false,
    ],
    ["by a proxy that keeps flows", contact(1), [proxied], ["Supported: outbound", `Path: ${edge}`], 200, true],
    ["by a proxy that keeps none", contact(1), [proxied], ["Supported: outbound", "Path: <sip:p;lr>"], 439, false],
    ["by a proxy without Path", contact(1), [proxied], ["Supported: outbound"], 439, false],
    ["by such a proxy, and outbound not asked for", contact(1), [proxied], [], 200, false],
  ])("%s", (_name, value, hops, lines, status, required) => {
    const answer = new Office().register({ contacts: [value], hops, lines });
    expect([answer.status, answer.header("require") === "outbound"]).toEqual([status, required]);
  });

  test("one REGISTER is for one flow, but may remove others", () => {
    const office = new Office();
    expect(told(office.register({ contacts: [contact(1), "<sip:alice@10.0.0.8>"], lines: supported }))).toBe(
      "400 One Contact For Each Flow",
    );
    office.register({ contacts: [contact(1)], lines: supported });
    expect(office.register({ contacts: [contact(2), `${contact(1)};expires=0`], lines: supported }).status).toBe(200);
    expect(office.location.lookup("alice@example.com").map(({ regId }) => regId)).toEqual([2]);
  });
});

describe("GRUUs", () => {
  const domainOf = servedDomains(["example.com"]);
  const find = (office: Office, uri: string) => {
    const parsed = parseUri(uri);
    if (parsed === undefined || !isSipUri(parsed)) throw new TypeError(uri);
    return locate(parsed, { location: office.location, domainOf, gruus: office.gruus });
  };
  const registered = (office: Office, options: { callId?: string; host?: string; urn?: string } = {}) => {
    const answer = office.register({
      contacts: [`<sip:alice@${options.host ?? "10.0.0.7"}>;+sip.instance="<${options.urn ?? urn}>"`],
      lines: ["Supported: gruu"],
      callId: options.callId ?? "call-1",
    });
    const contact = answer.headers("contact").find((value) => value.includes(options.host ?? "10.0.0.7")) ?? "";
    return {
      pub: /pub-gruu="([^"]+)"/.exec(contact)?.[1] ?? "",
      temp: /temp-gruu="([^"]+)"/.exec(contact)?.[1] ?? "",
    };
  };

  test("are told to who supports them, and to nobody else", () => {
    const office = new Office();
    expect(registered(office).pub).toBe(`sip:alice@example.com;gr=${urn}`);
    expect(office.register().header("contact")).not.toContain("gruu");
  });

  test("a public one leads to its instance alone, and stays when nobody is there", () => {
    const office = new Office();
    const { pub } = registered(office);
    registered(office, { host: "10.0.0.8", urn: "urn:uuid:other", callId: "call-2" });
    expect(office.contacts()).toHaveLength(2);
    expect(find(office, pub).bindings.map(({ contact }) => contact)).toEqual(["sip:alice@10.0.0.7"]);
    office.register({ contacts: ["*"], lines: ["Expires: 0"] });
    expect(find(office, pub)).toEqual({ aor: "alice@example.com", bindings: [] });
  });

  test("temporary ones tell nothing, differ each time, and end with the call that made them", () => {
    const office = new Office();
    const first = registered(office).temp;
    const second = registered(office).temp;
    expect(first).toMatch(/^sip:tgruu\.[-\w]+@example\.com;gr$/);
    expect(second).not.toBe(first);
    for (const gruu of [first, second]) expect(find(office, gruu).bindings).toHaveLength(1);
    registered(office, { callId: "rebooted" });
    expect(find(office, first)).toEqual({ aor: undefined, bindings: [], invalidGruu: true });
  });

  test.each([
    ["made up", "sip:tgruu.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@example.com;gr"],
    ["too short", "sip:tgruu.AAAA@example.com;gr"],
    ["none at all", "sip:alice@example.com;gr"],
  ])("a temporary one that is %s is nobody", (_name, uri) => {
    const office = new Office();
    registered(office);
    expect(find(office, uri).invalidGruu).toBe(true);
  });

  test("a device that came back elsewhere is one target: where it was last, then where it was before", () => {
    const office = new Office();
    const { pub } = registered(office);
    office.clock.advance(1000);
    registered(office, { host: "10.0.0.8", callId: "rebooted" });
    const targets = targetsOf(find(office, pub).bindings, { flowOf: () => undefined });
    expect(targets).toMatchObject([{ lost: 480 }]);
  });
});
