/** Whom handlers' calls go to: how far one call may lead to others, and what a name of our own domain means. */
import { describe, expect, test } from "bun:test";
import type { InviteOptions } from "../../src/agent/index.ts";
import type { Call } from "../../src/call/index.ts";
import { ServerDialer } from "../../src/server/dialer.ts";
import { ownWay } from "../../src/server/own-way.ts";
import { isSipUri, parseUri } from "../../src/sip/uri.ts";
import { FakeCall } from "../support/fake-call.ts";

/** What a call that came in with this Max-Forwards places when its handler is transferred. */
function placedBy(maxForwards: string | undefined): InviteOptions | string {
  let placed: InviteOptions | undefined;
  const dialer = new ServerDialer({
    calls: {
      place: () => ({ failure: "not asked for" }),
      placeOn: (options) => {
        placed = options;
        return { failure: "placed" };
      },
    },
    trunks: { find: () => undefined, leadingTo: () => undefined },
    // Nobody subscribes here.
    subscriptions: {} as ConstructorParameters<typeof ServerDialer>[0]["subscriptions"],
    registered: () => [],
    ownWay: () => "sip:127.0.0.1:5060;transport=udp",
  });
  const { facts } = new FakeCall({ headers: maxForwards === undefined ? [] : [["max-forwards", maxForwards]] });
  dialer.trust(facts);
  // Of a call the dialer reads the facts alone here.
  const by = { facts } as unknown as Call;
  const user = {} as Parameters<ServerDialer["dialOn"]>[2]["user"];
  const outcome = dialer.dialOn(by, "sip:ivr@example.com", { user, headers: [] });
  return placed ?? ("failure" in outcome ? outcome.failure : "a session");
}

describe("a call that leads to another", () => {
  test.each([
    ["70", 69],
    ["2", 1],
    ["255", 69],
    [undefined, 69],
    ["many", 69],
  ] as const)("came with Max-Forwards %p: the other has %i", (came, left) => {
    expect(placedBy(came)).toMatchObject({ maxForwards: left, proxy: "sip:127.0.0.1:5060;transport=udp" });
  });

  test.each(["1", "0"])("does not, when it came with Max-Forwards %s: a route that calls itself ends", (came) => {
    expect(placedBy(came)).toContain("through too many servers");
  });
});

describe("a URI of our own domain that nobody has registered leads to our routes", () => {
  const listener = (transport: "udp" | "tcp" | "ws", host: string) => ({
    transport,
    local: { host, port: 5060 },
    advertised: { host: "192.0.2.1", port: 5060 },
  });
  test.each([
    ["sip:ivr@example.com", "0.0.0.0", "sip:127.0.0.1:5060;transport=udp"],
    ["sip:ivr@EXAMPLE.com", "192.0.2.1", "sip:192.0.2.1:5060;transport=udp"],
    ["sip:ivr@example.com", "::", "sip:[::1]:5060;transport=udp"],
    ["sip:ivr@example.com:5070", "0.0.0.0", undefined],
    ["sip:ivr@example.org", "0.0.0.0", undefined],
  ] as const)("%s, listening on %s: %p", (text, host, way) => {
    const uri = parseUri(text);
    if (uri === undefined || !isSipUri(uri)) throw new RangeError(text);
    const listening = [listener("ws", host), listener("tcp", host), listener("udp", host)];
    expect(ownWay({ listening }, ["example.com"], uri)).toBe(way);
  });
});
