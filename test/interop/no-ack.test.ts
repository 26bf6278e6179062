/** A caller that never acknowledges: in a file of its own because it takes 32 s, the time that RFC 3261 gives it. */
import { describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { received, sipp } from "../support/peers/sipp.ts";
import { siproc } from "../support/peers/siproc.ts";
import { handlers } from "./handlers/scripts.ts";

describe.skipIf(!has("sipp"))("a caller that never acknowledges", () => {
  test("hears the 200 again and again, and is hung up after 64 * T1", async () => {
    const server = await siproc({
      config: 'routes: [{ to: "*", script: answer.ts }]',
      files: { "answer.ts": handlers.answer },
    });
    try {
      const run = await sipp({ scenario: "uac-no-ack", service: "answer", remote: server.address, timeout: 45_000 });
      expect(run.code).toBe(0);
      const answers = run.messages.filter(
        ({ direction, text }) => direction === "received" && /^SIP\/2\.0 200 .*\bCSeq: 1 INVITE/s.test(text),
      );
      // At 0, 0.5, 1.5, 3.5, 7.5, then every 4 s up to 32 s.
      expect(answers.length).toBeWithin(9, 13);
      expect(received(run).at(-1)).toBe("BYE");
    } finally {
      await server.stop();
    }
  });
});
