/** What one INVITE from an address that may be forged makes us send, in octets. */
import { describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { buildResponse } from "../../src/sip/message.ts";
import { seededRandom } from "../../src/sip/random.ts";
import { TransactionLayer } from "../../src/sip/transaction/index.ts";
import { FakeFlow, requestFrom } from "../support/fake-flow.ts";

const hour = 3_600_000;

/** Refuses an INVITE, after a 180 or at once; nobody acknowledges it. */
function refuse(options: { amplification?: number; established?: boolean; again?: number }) {
  const clock = new VirtualClock();
  const flow = new FakeFlow();
  const layer = new TransactionLayer({
    clock,
    random: seededRandom(1),
    ...(options.amplification === undefined ? {} : { amplification: options.amplification }),
    established: () => options.established ?? false,
    user: {
      request: (server, request) => {
        server.respond(buildResponse(request, 180, { toTag: "t" }));
        server.respond(buildResponse(request, 486, { toTag: "t" }));
      },
      ack: () => {},
      cancel: () => {},
      strayResponse: () => {},
    },
  });
  const invite = requestFrom({ method: "INVITE" });
  for (let i = 0; i <= (options.again ?? 0); i++) layer.receive(invite, flow);
  clock.advance(hour);
  return {
    sent: flow.sent.length,
    octets: flow.sent.reduce((sum, each) => sum + each.length, 0),
    invite: invite.bytes().length,
  };
}

describe("a refusal that nobody acknowledges", () => {
  test("is repeated for 32 s, as RFC 3261 says, where nothing else is said", () => {
    expect(refuse({}).sent).toBe(1 + 11);
  });
  test("is repeated as long as three octets go out for one that came in", () => {
    const { sent, octets, invite } = refuse({ amplification: 3 });
    expect(sent).toBeGreaterThanOrEqual(3);
    expect(octets).toBeLessThanOrEqual(3 * invite);
  });
  test("is repeated for each INVITE that comes again", () => {
    const { sent, octets, invite } = refuse({ amplification: 3, again: 4 });
    expect(sent).toBeGreaterThanOrEqual(2 + 4);
    expect(octets).toBeLessThanOrEqual(5 * 3 * invite);
  });
  test("is repeated for 32 s in a dialog that stands", () => {
    expect(refuse({ amplification: 3, established: true }).sent).toBe(1 + 11);
  });
});
