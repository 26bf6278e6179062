/** By which way a registered client is reached: its contact, its Path, its connection, its hole in a NAT; or not at all. */
import { describe, expect, test } from "bun:test";
import { type FlowRef, targetsOf } from "../../../src/routing/registrar/index.ts";
import type { Address, Flow } from "../../../src/sip/flow.ts";
import { FakeFlow } from "../../support/fake-flow.ts";
import { Office, type RegisterParts } from "./office.ts";

/** The client's address as the server sees it is 192.0.2.9:5060 in all of these. */
class ClientFlow extends FakeFlow {
  override readonly remote: Address;
  constructor(transport: Flow["transport"], port = 5060) {
    super(transport, transport === "udp" ? "udp" : `${transport}-of-client`);
    this.remote = { host: "192.0.2.9", port };
  }
}

const instance = '+sip.instance="<urn:uuid:1>"';
const outbound = "Supported: outbound";

/** UDP's flows are their addresses, and need no id. */
const idOf = ({ id, transport }: FlowRef) => (transport === "udp" ? "udp" : id);

function targets(registers: RegisterParts[], gone: readonly string[] = []) {
  const office = new Office();
  for (const parts of registers) {
    office.register(parts);
    office.clock.advance(1000);
  }
  const ways = {
    flowOf: (ref: FlowRef) => (gone.includes(idOf(ref)) ? undefined : new FakeFlow(ref.transport, idOf(ref))),
  };
  return targetsOf(office.location.lookup("alice@example.com"), ways).map(({ flow, failover, ...rest }) => ({
    ...rest,
    ...(flow !== undefined && { flow: flow.id }),
    ...(failover !== undefined && { failover: failover.map((each) => each.flow?.id) }),
  }));
}

describe("one contact", () => {
  const udp = new ClientFlow("udp");
  const tcp = new ClientFlow("tcp", 40000);
  const wss = new ClientFlow("wss", 40001);
  const here = "sip:alice@192.0.2.9";
  const hidden = "sip:alice@10.0.0.7:5062";

  test.each<[string, RegisterParts, string[], object]>([
    ["on UDP, where its contact says", { flow: udp, contacts: [`<${here}>`] }, [], { uri: here, q: 1 }],
    ["on UDP behind a NAT", { flow: udp, contacts: [`<${hidden}>`] }, [], { uri: hidden, q: 1, flow: "udp" }],
    [
      "on UDP, at another port than its contact says",
      { flow: udp, contacts: ["<sip:alice@192.0.2.9:5099>"] },
      [],
      { uri: "sip:alice@192.0.2.9:5099", q: 1, flow: "udp" },
    ],
    [
      "on UDP, listening at another port than it sends from, and not asking for rport",
      { flow: udp, contacts: ["<sip:alice@192.0.2.9:5099>"], rport: false },
      [],
      { uri: "sip:alice@192.0.2.9:5099", q: 1 },
    ],
    [
      "on UDP by its name",
      { flow: udp, contacts: ["<sip:alice@phone.example.com>"] },
      [],
      { uri: "sip:alice@phone.example.com", q: 1 },
    ],
    [
      "on UDP, whose listener is no more",
      { flow: udp, contacts: [`<${hidden}>`] },
      ["udp"],
      { uri: hidden, q: 1, lost: 480 },
    ],
    [
      "behind another proxy",
      {
        flow: udp,
        contacts: ["<sip:alice@198.51.100.3:5062>"],
        hops: ["SIP/2.0/UDP 198.51.100.3:5062;branch=z9hG4bKc"],
      },
      [],
      { uri: "sip:alice@198.51.100.3:5062", q: 1 },
    ],
    [
      // Our own inner network is not to be reached by who registers its addresses from outside.
      "behind another proxy, at an address that means nothing here",
      { flow: udp, contacts: [`<${hidden}>`], hops: ["SIP/2.0/UDP 10.0.0.7:5062;branch=z9hG4bKc"] },
      [],
      { uri: hidden, q: 1, flow: "udp" },
    ],
    [
      "on UDP, with a maddr elsewhere",
      { flow: udp, contacts: [`<${here};maddr=10.0.0.7>`] },
      [],
      { uri: `${here};maddr=10.0.0.7`, q: 1, flow: "udp" },
    ],
    [
      "on a connection that is gone, with a maddr elsewhere",
      { flow: tcp, contacts: [`<${here};transport=tcp;maddr=10.0.0.7>`] },
      ["tcp-of-client"],
      { uri: `${here};transport=tcp;maddr=10.0.0.7`, q: 1, lost: 480 },
    ],
    [
      "behind proxies that said so",
      { flow: tcp, contacts: [`<${hidden}>;q=0.5`], lines: ["Path: <sip:p2;lr>, <sip:p1;lr>"] },
      [],
      { uri: hidden, q: 0.5, route: ["<sip:p2;lr>", "<sip:p1;lr>"] },
    ],
    [
      "on a connection",
      { flow: tcp, contacts: [`<${here};transport=tcp>`] },
      [],
      { uri: `${here};transport=tcp`, q: 1, flow: "tcp-of-client" },
    ],
    [
      "on a connection that is gone, but listening",
      { flow: tcp, contacts: [`<${here};transport=tcp>`] },
      ["tcp-of-client"],
      { uri: `${here};transport=tcp`, q: 1 },
    ],
    [
      "on a connection that is gone, and which was the contact",
      { flow: tcp, contacts: [`<${here}:40000;transport=tcp>`] },
      ["tcp-of-client"],
      { uri: `${here}:40000;transport=tcp`, q: 1, lost: 480 },
    ],
    [
      "on a connection that is gone, behind a NAT",
      { flow: tcp, contacts: [`<${hidden};transport=tcp>`] },
      ["tcp-of-client"],
      { uri: `${hidden};transport=tcp`, q: 1, lost: 480 },
    ],
    [
      "in a browser that is gone",
      { flow: wss, contacts: ["<sip:alice@k3j4.invalid;transport=ws>"] },
      ["wss-of-client"],
      { uri: "sip:alice@k3j4.invalid;transport=ws", q: 1, lost: 480 },
    ],
    [
      "by a flow of RFC 5626",
      { flow: udp, contacts: [`<${here}>;${instance};reg-id=1`], lines: [outbound] },
      [],
      { uri: here, q: 1, flow: "udp" },
    ],
    [
      "by a flow of RFC 5626 that is gone",
      { flow: tcp, contacts: [`<${here};transport=tcp>;${instance};reg-id=1`], lines: [outbound] },
      ["tcp-of-client"],
      { uri: `${here};transport=tcp`, q: 1, lost: 430 },
    ],
  ])("%s", (_name, parts, gone, expected) => {
    expect(targets([parts], gone)).toEqual([expected] as ReturnType<typeof targets>);
  });

  test("that is no SIP URI is no target", () => {
    expect(targets([{ contacts: ["<tel:+1>", "<mailto:alice@example.com>"] }])).toEqual([]);
  });
});

describe("several flows of one device", () => {
  const first = new FakeFlow("tcp", "first");
  const second = new FakeFlow("tcp", "second");
  const flows = [
    { flow: first, contacts: [`<sip:alice@10.0.0.7>;${instance};reg-id=1`], lines: [outbound] },
    { flow: second, contacts: [`<sip:alice@10.0.0.7>;${instance};reg-id=2`], lines: [outbound] },
  ];

  test("are one target: the one that was refreshed last, and the other when it fails", () => {
    expect(targets(flows)).toMatchObject([{ flow: "second", failover: ["first"] }]);
    expect(targets([...flows, { ...flows[0] }])).toMatchObject([{ flow: "first", failover: ["second"] }]);
  });

  test("of which one is gone", () => {
    expect(targets(flows, ["second"])).toEqual([{ uri: "sip:alice@10.0.0.7", q: 1, flow: "first" }]);
  });

  test("of which all are gone", () => {
    expect(targets(flows, ["first", "second"])).toMatchObject([{ lost: 430 }]);
  });

  test("beside other devices", () => {
    const other = { contacts: ["<sip:alice@192.0.2.9>;q=0.3"] };
    expect(targets([...flows, other]).map(({ uri, q }) => [uri, q])).toEqual([
      ["sip:alice@192.0.2.9", 0.3],
      ["sip:alice@10.0.0.7", 1],
    ]);
  });
});
