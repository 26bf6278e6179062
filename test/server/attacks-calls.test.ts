/** Nobody meddles with the calls of others: who sees some of their messages cannot cancel, answer, end or divert them. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { buildRequest, buildResponse, type Request, Response } from "../../src/sip/message.ts";
import { fresh, Peer } from "../support/peer.ts";
import { openSite, type Site, stopSites } from "../support/site.ts";

let site: Site;
let alice: Peer;
let honest: Peer;
/** A second phone of Bob's, that is somebody else's by now. */
let evil: Peer;
let stranger: Peer;

beforeAll(async () => {
  site = await openSite(`
domains: [example.com]
accounts: [{ user: alice, password: wonderland }, { user: bob, password: builder }]
routes:
  - { to: "*@example.com", from: "*@stateless.example", location: true, mode: stateless }
  - { to: "*@example.com", location: true }
`);
  const open = (user: string, password: string, host: string) =>
    Peer.open(site.port.udp, "udp", { host, user, password });
  alice = await open("alice", "wonderland", "127.0.0.11");
  honest = await open("bob", "builder", "127.0.0.12");
  evil = await open("bob", "builder", "127.0.0.13");
  stranger = await open("stranger", "", "127.0.0.14");
  for (const peer of [honest, evil]) expect((await peer.register()).status).toBe(200);
});
afterAll(stopSites);
afterEach(() => {
  for (const peer of [honest, evil]) peer.onRequest = () => {};
});

const stringOf = (message: Request | Response) => Buffer.from(message.bytes()).toString("latin1");

/** A call of Alice's that rings at both phones of Bob's. */
async function ringing(): Promise<{ invite: Request; atHonest: Request; atEvil: Request }> {
  const invite = alice.compose("INVITE", { uri: "sip:bob@example.com" });
  alice.send(invite);
  const ofCall = ({ callId }: Request) => callId === invite.callId;
  const [atHonest, atEvil] = await Promise.all([honest.request("INVITE", ofCall), evil.request("INVITE", ofCall)]);
  for (const [peer, request] of [
    [honest, atHonest],
    [evil, atEvil],
  ] as const)
    peer.reply(request, 180, [], fresh("to"));
  await alice.answer(invite, 180);
  return { invite, atHonest, atEvil };
}

/** What Alice's phone would send, as the phone that was called can make it up from the INVITE. */
function asIfFromAlice(method: "CANCEL" | "ACK" | "BYE", seen: Request, changes: { uri?: string } = {}): string {
  const via = seen.values("via").at(-1) ?? "";
  return stringOf(
    buildRequest({
      method,
      uri: changes.uri ?? "sip:bob@example.com",
      headers: [
        ["Via", via.replace(/;received=[^;]*/, "").replace(/;rport=\d+/, ";rport")],
        ["Max-Forwards", "70"],
        ["From", seen.header("from") ?? ""],
        ["To", seen.header("to") ?? ""],
        ["Call-ID", seen.callId],
        ["CSeq", `${seen.cseq.number} ${method}`],
      ],
    }),
  );
}

const finish = async (invite: Request, at: Request) => {
  const answered = alice.answer(invite);
  honest.reply(at, 486, [], fresh("to"));
  return (await answered).status;
};

describe("a CANCEL is its caller's", () => {
  test.each([
    ["the called side", () => evil],
    ["a stranger who has seen the INVITE", () => stranger],
  ])("and not of %s", async (_, who) => {
    const { invite, atHonest, atEvil } = await ringing();
    who().send(asIfFromAlice("CANCEL", atEvil));
    await who().settled();
    expect(honest.requests.filter(({ method, callId }) => method === "CANCEL" && callId === invite.callId)).toEqual([]);
    evil.reply(atEvil, 486, [], fresh("to"));
    expect(await finish(invite, atHonest)).toBe(486);
  });

  test("over a connection, too", async () => {
    const { invite, atHonest, atEvil } = await ringing();
    const connected = await Peer.open(site.port.tcp, "tcp", { host: "127.0.0.13" });
    connected.send(asIfFromAlice("CANCEL", atEvil));
    await connected.settled();
    expect(honest.requests.some(({ method, callId }) => method === "CANCEL" && callId === invite.callId)).toBe(false);
    evil.reply(atEvil, 486, [], fresh("to"));
    expect(await finish(invite, atHonest)).toBe(486);
  });

  test("and works for him", async () => {
    const { invite, atHonest, atEvil } = await ringing();
    for (const [peer, request] of [
      [honest, atHonest],
      [evil, atEvil],
    ] as const)
      peer.onRequest = (cancel) => {
        if (cancel.method !== "CANCEL") return;
        peer.reply(cancel, 200);
        peer.reply(request, 487);
      };
    const cancel = asIfFromAlice("CANCEL", invite);
    alice.send(cancel);
    expect(
      (
        await alice.find("487", (each) =>
          each instanceof Response && each.callId === invite.callId && each.status === 487 ? each : undefined,
        )
      ).status,
    ).toBe(487);
    const cancelled = await honest.request("CANCEL", ({ callId }) => callId === invite.callId);
    expect(cancelled.callId).toBe(invite.callId);
  });
});

describe("responses are of whom we have asked", () => {
  test("not of who was asked along with him, in his name", async () => {
    const { invite, atHonest, atEvil } = await ringing();
    // Our Via of the other branch is not to be guessed; the rest of it is known.
    const [ours = ""] = atEvil.values("via");
    for (const branch of [
      "z9hG4bK",
      "z9hG4bK0",
      ours.replace(/.*branch=([^;]*).*/, "$1x"),
      atEvil.via.branch?.slice(0, -1),
    ]) {
      const forged = buildResponse(atEvil, 200, { toTag: "forged", headers: [["Contact", evil.contact]] });
      const text = stringOf(forged).replace(/branch=z9hG4bK[^;\r]*/, `branch=${branch}`);
      evil.send(text);
    }
    await evil.settled();
    expect(alice.responses.some(({ callId, status }) => callId === invite.callId && status >= 200)).toBe(false);
    evil.reply(atEvil, 486, [], fresh("to"));
    expect(await finish(invite, atHonest)).toBe(486);
  });

  test.each([
    ["with no Via but ours", (own: string) => [own]],
    ["with a Via of ours and a victim's", (own: string) => [own, "SIP/2.0/UDP 127.0.0.14:PORT;branch=z9hG4bKx"]],
    [
      "with a victim's as received",
      (own: string) => [own, "SIP/2.0/UDP h;received=127.0.0.14;rport=PORT;branch=z9hG4bKx"],
    ],
    ["with a victim's alone", () => ["SIP/2.0/UDP 127.0.0.14:PORT;branch=z9hG4bKx"]],
  ])("a response out of nothing goes nowhere (%s)", async (_, vias) => {
    const before = stranger.came.length;
    for (const branch of [
      "z9hG4bKabc",
      `z9hG4bK${"0".repeat(16)}-u${site.port.udp}x3132372e302e302e31.lp0123456789abcdef`,
    ]) {
      const own = `SIP/2.0/UDP 127.0.0.1:${site.port.udp};branch=${branch}`;
      const lines = vias(own).map((via) => `Via: ${via.replace("PORT", String(stranger.port))}\r\n`);
      for (const status of ["100 Trying", "200 OK", "486 Busy Here"])
        evil.send(
          `SIP/2.0 ${status}\r\n${lines.join("")}From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: none\r\nCSeq: 1 INVITE\r\nContact: <sip:evil@127.0.0.13>\r\nContent-Length: 0\r\n\r\n`,
        );
    }
    await evil.settled();
    await stranger.settled();
    expect(stranger.came.slice(before).filter(({ cseq }) => cseq.method === "INVITE")).toEqual([]);
  });

  test("a response whose way back was changed reaches nobody else (stateless)", async () => {
    const single = await Peer.open(site.port.udp, "udp", { host: "127.0.0.15", user: "alice", password: "wonderland" });
    expect((await single.register()).status).toBe(200);
    const invite = stranger.compose("INVITE", {
      uri: "sip:alice@example.com",
      from: "<sip:x@stateless.example>;tag=1",
    });
    stranger.send(invite);
    const seen = await single.request("INVITE");
    const victim = await Peer.open(site.port.udp, "udp", { host: "127.0.0.16" });
    const ok = stringOf(buildResponse(seen, 200, { toTag: "x", headers: [["Contact", single.contact]] }));
    const port = String(stranger.port);
    for (const changed of [
      ok.replaceAll(port, String(victim.port)).replaceAll("127.0.0.14", "127.0.0.16"),
      ok.replace("received=127.0.0.14", "received=127.0.0.16"),
      ok.replace(`rport=${port}`, `rport=${victim.port}`),
      ok.replace("CSeq: 1 ", "CSeq: 2 "),
      ok.replace(`Call-ID: ${seen.callId}`, "Call-ID: another"),
    ])
      if (changed !== ok) single.send(changed);
    await single.settled();
    await victim.settled();
    expect(victim.came.filter(({ cseq }) => cseq.method === "INVITE")).toEqual([]);
    single.send(ok);
    expect((await stranger.answer(invite)).status).toBe(200);
  });
});

describe("a call that stands", () => {
  test("is neither ended nor changed by who lacks its pass", async () => {
    const { invite, atHonest } = await ringing();
    honest.reply(atHonest, 200, [], "the-tag");
    const ok = await alice.answer(invite);
    const before = honest.came.length;
    for (const method of ["BYE", "INVITE", "UPDATE", "INFO", "REFER", "ACK"])
      for (const route of [
        [],
        ["Route: <sip:f.0123456789abcdef@127.0.0.1;lr>\r\n"],
        [`Route: <sip:127.0.0.1:${site.port.udp};lr>\r\n`],
      ]) {
        const text = [
          `${method} ${ok.contact?.uriText ?? ""} SIP/2.0`,
          `Via: SIP/2.0/UDP 127.0.0.14:${stranger.port};rport;branch=z9hG4bK${fresh("b")}`,
          "Max-Forwards: 70",
          `From: ${ok.header("from")}`,
          `To: ${ok.header("to")}`,
          `Call-ID: ${ok.callId}`,
          `CSeq: 99 ${method}`,
          "Contact: <sip:stranger@127.0.0.14>",
        ].join("\r\n");
        stranger.send(`${text}\r\n${route.join("")}Content-Length: 0\r\n\r\n`);
      }
    await stranger.settled();
    await honest.settled();
    const came = honest.came.slice(before).filter((each) => each.callId === ok.callId && each.cseq.number === 99);
    expect(came.map(({ cseq }) => cseq.method)).toEqual([]);
  });
});

test("nothing was a fault of ours", () => {
  expect(site.faults).toEqual([]);
});
