/** Programs that embed siproc call whom they like: `allow.dial` is for scripts and for programs beside it. */
import { afterEach, expect, test } from "bun:test";
import { closeAgents, openAgent } from "../support/agents.ts";

afterEach(closeAgents);

test("a program joins its caller with somebody else", async () => {
  const carol = await openAgent();
  carol.agent.listen({
    async call(call) {
      await call.answer();
      await call.hangup();
    },
  });
  const bob = await openAgent();
  const dialed = Promise.withResolvers<unknown>();
  bob.agent.listen({
    call: async (call) => dialed.resolve(await call.dial(`sip:carol@${carol.address}`).catch(String)),
  });
  const alice = await openAgent();
  const call = await alice.agent.invite(`sip:bob@${bob.address}`);
  expect(await dialed.promise).toMatchObject({ status: "answered" });
  await call.ended;
});
