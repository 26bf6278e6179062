/** Calls that programs transfer, and follow: agents of the library among themselves. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Call, CallEvent } from "../../src/index.ts";
import { closeAgents, openAgent } from "../support/agents.ts";

afterEach(closeAgents);

/** Follows whatever it is asked to; gives the events. */
function following(call: Call): CallEvent[] {
  const events: CallEvent[] = [];
  call.watch((event) => {
    events.push(event);
    if (event.type === "referred") call.follow().catch(() => {});
  });
  return events;
}

const answering = async (call: Call) => {
  await call.answer();
  await call.ended;
};

describe("a transfer", () => {
  test("leads the other side to somebody else, and ends our call", async () => {
    const [alice, bob, carol] = [await openAgent(), await openAgent(), await openAgent()];
    carol.agent.listen({ call: answering });
    const ended = Promise.withResolvers<unknown>();
    bob.agent.listen({
      async call(call) {
        await call.answer();
        await call.transfer(`sip:carol@${carol.address}`);
        ended.resolve(await call.ended);
      },
    });
    const call = await alice.agent.invite(`sip:bob@${bob.address}`);
    const events = following(call);
    expect(await ended.promise).toEqual({ type: "ended", by: "local", cause: "transferred", code: 200 });
    expect([bob.agent.calls, carol.agent.calls, alice.agent.calls]).toEqual([0, 1, 1]);
    expect(events.map(({ type }) => type)).toEqual(["connected", "referred", "transferred"]);
    await call.hangup();
    expect((await call.ended).by).toBe("local");
  });

  test("to nobody leaves all as it was", async () => {
    const [alice, bob, carol] = [await openAgent(), await openAgent(), await openAgent()];
    carol.agent.listen({ call: (call) => call.reject(486) });
    const reason = Promise.withResolvers<unknown>();
    bob.agent.listen({
      async call(call) {
        await call.answer();
        await call.transfer(`sip:carol@${carol.address}`).catch((error) => reason.resolve(error.reason));
        await call.ended;
      },
    });
    const call = await alice.agent.invite(`sip:bob@${bob.address}`);
    following(call);
    expect(await reason.promise).toBe("the other side got 486 Busy Here");
    expect([alice.agent.calls, bob.agent.calls]).toEqual([1, 1]);
    await call.hangup();
  });

  test("connects the other sides of two calls with each other", async () => {
    const [alice, bob, carol] = [await openAgent(), await openAgent(), await openAgent()];
    const carols = Promise.withResolvers<CallEvent[]>();
    carol.agent.listen({
      async call(call) {
        const events: CallEvent[] = [];
        call.watch((event) => events.push(event));
        await call.answer();
        await call.ended;
        carols.resolve(events);
      },
    });
    bob.agent.listen({
      async call(call) {
        await call.answer();
        const other = await bob.agent.invite(`sip:carol@${carol.address}`);
        await call.transfer(other.id);
        await other.ended;
      },
    });
    const call = await alice.agent.invite(`sip:bob@${bob.address}`, { from: "sip:alice@example.com" });
    const events = following(call);
    const late = Date.now() + 4000;
    const through = () => bob.agent.calls === 0 && events.some(({ type }) => type === "transferred");
    while (!through() && Date.now() < late) await Bun.sleep(10);
    expect([alice.agent.calls, bob.agent.calls, carol.agent.calls]).toEqual([1, 0, 1]);
    await call.hangup();
    expect((await carols.promise).map(({ type }) => type)).toEqual(["connected", "transferred", "ended"]);
  });
});
