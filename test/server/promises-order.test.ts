/** R2: through both proxies, each leg sees the messages of a call, and of a connection, in the order in which they came in. */
import { afterEach, describe, expect, test } from "bun:test";
import { buildRequest, buildResponse, type Message, Request, Response } from "../../src/sip/message.ts";
import { Peer } from "../support/peer.ts";
import { openSite, stopSites } from "../support/site.ts";

afterEach(stopSites);

const calls = 1000;
/** Calls that are begun before the first is over. */
const atOnce = 25;

const word = (message: Message) =>
  message instanceof Request
    ? message.method
    : message instanceof Response
      ? `${message.status} ${message.cseq.method}`
      : "";

/** ACK and BYE in one go, as the quickest of phones would. */
function inDialog(peer: Peer, method: "ACK" | "BYE", ok: Response): Request {
  const { lines } = ok;
  return buildRequest({
    method,
    uri: ok.contact?.uriText ?? "",
    headers: [
      [
        "Via",
        `SIP/2.0/${peer.transport.toUpperCase()} ${peer.host}:${peer.port};rport;branch=z9hG4bK${method}${ok.callId}`,
      ],
      ...ok
        .values("record-route")
        .toReversed()
        .map((route) => ["Route", route] as const),
      ["Max-Forwards", "70"],
      ["From", lines.value(lines.find("from"))],
      ["To", lines.value(lines.find("to"))],
      ["Call-ID", ok.callId],
      ["CSeq", `${method === "ACK" ? 1 : 2} ${method}`],
    ],
  });
}

describe.each(["stateful", "stateless"])("through a %s proxy", (mode) => {
  test.each([
    ["udp", "udp"],
    ["tcp", "tcp"],
    ["udp", "tcp"],
    ["tcp", "udp"],
  ] as const)(
    "from %s to %s, a thousand quick calls",
    async (from, to) => {
      const site = await openSite(`
domains: [example.com]
registrar: { open: true }
limits: { requests_per_source: 0 }
routes: [{ to: "*@example.com", location: true, mode: ${mode} }]`);
      const bob = await Peer.open(site.port[to], to, { user: "bob" });
      expect((await bob.register()).status).toBe(200);
      const alice = await Peer.open(site.port[from], from, { user: "alice" });
      bob.onRequest = (request) => {
        const say = (status: number) =>
          bob.send(
            buildResponse(request, status, {
              toTag: request.to.tag === undefined ? `t${request.callId}` : undefined,
              copyRecordRoute: true,
              headers: [["Contact", bob.contact]],
            }),
          );
        if (request.method === "INVITE") {
          say(180);
          say(200);
        } else if (request.method === "BYE") say(200);
      };
      const { promise: done, resolve } = Promise.withResolvers<void>();
      let begun = 0;
      let over = 0;
      const begin = () => {
        if (begun < calls)
          alice.send(alice.compose("INVITE", { uri: "sip:bob@example.com", callId: `order-${begun++}` }));
      };
      const heard = new Set<string>();
      alice.onResponse = (response) => {
        const key = `${word(response)} ${response.callId}`;
        if (heard.has(key)) return;
        heard.add(key);
        if (key.startsWith("200 INVITE")) {
          alice.send(inDialog(alice, "ACK", response));
          alice.send(inDialog(alice, "BYE", response));
        } else if (key.startsWith("200 BYE")) {
          over++;
          if (over === calls) resolve();
          begin();
        }
      };
      for (let n = 0; n < atOnce; n++) begin();
      await done;

      const byCall = (peer: Peer) =>
        Map.groupBy(
          peer.came.filter(({ callId }) => callId.startsWith("order-")),
          ({ callId }) => callId,
        );
      for (const [, came] of byCall(bob)) expect(came.map(word).join(", ")).toBe("INVITE, ACK, BYE");
      for (const [, came] of byCall(alice))
        expect(
          came
            .map(word)
            .filter((each) => !each.startsWith("100"))
            .join(", "),
        ).toBe("180 INVITE, 200 INVITE, 200 BYE");
      expect([byCall(bob).size, byCall(alice).size]).toEqual([calls, calls]);
      // And the calls among each other: each leg as the other.
      const order = (peer: Peer, what: string) =>
        peer.came.filter((each) => word(each) === what).map(({ callId }) => callId);
      const numbers = order(bob, "INVITE").map((callId) => Number(callId.slice(6)));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      expect(order(alice, "180 INVITE")).toEqual(order(bob, "INVITE"));
      expect(order(bob, "BYE")).toEqual(order(alice, "200 INVITE"));
      expect(site.faults).toEqual([]);
    },
    30_000,
  );
});
