/** Requests of any method, and subscriptions, that programs make. */
import { afterEach, describe, expect, test } from "bun:test";
import type { News } from "../../src/index.ts";
import { buildRequest, buildResponse, Request } from "../../src/sip/message.ts";
import { closeAgents, failedStatus, openAgent } from "../support/agents.ts";
import { closePeers, UdpPeer } from "../support/udp-peer.ts";

afterEach(async () => {
  await closeAgents();
  closePeers();
});

describe("a request", () => {
  test("resolves with its answer", async () => {
    const bob = await openAgent();
    bob.agent.serve(({ request, tx }) => {
      const { body } = request;
      const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
      tx.respondStateless(text === "Lünch?" ? 299 : 400, { reason: "Fine", headers: [["X-Method", request.method]] });
      return true;
    });
    const alice = await openAgent({ from: "sip:alice@example.com" });
    const answer = await alice.agent.request("PUBLISH", `bob@${bob.address}`, { body: "Lünch?" });
    expect([answer.status, answer.reason, answer.header("X-Method")]).toEqual([299, "Fine", "PUBLISH"]);
  });

  test.each(["ACK", "CANCEL", "A B"])("cannot be %s", async (method) => {
    const alice = await openAgent();
    expect(await failedStatus(alice.agent.request(method, "bob@127.0.0.1"))).toBe(400);
  });
});

/** Somebody at `peer` who takes a subscription of the agent at `port`, and tells it something. */
async function told(peer: UdpPeer, port: number, type: string, body: string): Promise<void> {
  const asked = await peer.request("SUBSCRIBE");
  const contact = `<sip:${peer.host}:${peer.port}>`;
  peer.send(
    buildResponse(asked, 200, {
      toTag: "n1",
      headers: [
        ["Contact", contact],
        ["Expires", "600"],
      ],
    }).bytes(),
  );
  const notify = buildRequest({
    method: "NOTIFY",
    uri: `sip:127.0.0.1:${port}`,
    headers: [
      ["Via", `SIP/2.0/UDP ${peer.host}:${peer.port};branch=z9hG4bK1`],
      ["From", `${asked.header("to")};tag=n1`],
      ["To", asked.header("from") ?? ""],
      ["Call-ID", asked.callId],
      ["CSeq", "1 NOTIFY"],
      ["Contact", contact],
      ["Event", asked.header("event") ?? ""],
      ["Subscription-State", "active;expires=600"],
      ["Content-Type", type],
    ],
    body: new TextEncoder().encode(body),
  });
  peer.send(notify.bytes());
}

describe("a subscription", () => {
  test.each([
    [
      "message-summary",
      "application/simple-message-summary",
      "Messages-Waiting: yes\r\nVoice-Message: 2/8\r\n",
      ({ summary }: News) => summary?.counts.get("voice-message")?.new === 2,
    ],
    [
      "dialog",
      "application/dialog-info+xml",
      '<dialog-info version="0" state="full" entity="sip:me@x"><dialog id="1"><state>confirmed</state></dialog></dialog-info>',
      ({ dialogs }: News) => dialogs?.dialogs[0]?.state === "confirmed",
    ],
  ])("to %s resolves with its first news, and is taken back", async (event, type, body, isRight) => {
    const alice = await openAgent({ from: "sip:me@example.com" });
    const peer = await UdpPeer.open(alice.port);
    const heard: News[] = [];
    const answered = told(peer, alice.port, type, body);
    const kept = await alice.agent.subscribe(`me@${peer.host}:${peer.port}`, {
      event,
      heard: (news) => heard.push(news),
    });
    await answered;
    expect(heard.map(isRight)).toEqual([true]);
    expect((await peer.request("SUBSCRIBE")).header("accept")).toBe(type);
    const ended = kept.end();
    const last = await peer.find("the last SUBSCRIBE", (message) =>
      message instanceof Request && message.header("expires") === "0" ? message : undefined,
    );
    peer.send(buildResponse(last, 481).bytes());
    await ended;
    expect(await kept.ended).toBeUndefined();
  });

  test("that is refused rejects with the status", async () => {
    const bob = await openAgent();
    bob.agent.serve(({ tx }) => {
      tx.respondStateless(403);
      return true;
    });
    const alice = await openAgent();
    const attempt = alice.agent.subscribe(`me@${bob.address}`, { event: "dialog", heard: () => {} });
    expect(await failedStatus(attempt)).toBe(403);
  });
});
