/** SIPp to SIPp through the stateless proxy: between transports, with Contacts rewritten, changed within the dialog. */
import { afterEach, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { received, type SippOptions, type SippResult, type SippRun, sipp, startSipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";

const transports = ["udp", "tcp"] as const;
const manners = ["plain", "rewritten", "off"] as const;

/** What a route adds for each manner. */
const added = {
  plain: "",
  rewritten: ", rewrite_contact: force",
  off: ", record_route: false, rewrite_contact: force",
};
const said = { plain: "", rewritten: ", Contacts rewritten", off: ", Contacts rewritten, no Record-Route" };

const story = (run: SippResult) => received(run).filter((line) => !/^1\d\d /.test(line));

/** A callee, and a server that forwards all calls to it. */
async function reached(manner: keyof typeof added, options: SippOptions): Promise<[SippRun, Server]> {
  const { transport = "udp" } = options;
  const callee = await startSipp(options);
  const target = `sip:callee@127.0.0.1:${callee.port};transport=${transport}`;
  const config = `routes: [{ to: "*", proxy: "${target}", mode: stateless${added[manner]} }]`;
  const server = await siproc({ config });
  servers.push(server);
  return [callee, server];
}

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

describe.skipIf(!has("sipp"))("through the stateless proxy", () => {
  for (const manner of manners) {
    for (const from of transports) {
      for (const to of transports) {
        test(`a call from ${from} to ${to}${said[manner]}`, async () => {
          const [callee, { address }] = await reached(manner, {
            scenario: "uas-call",
            transport: to,
            values: { pause: "50" },
          });
          const values = { pause: "50" };
          const caller = await sipp({ scenario: "uac-call", remote: address, transport: from, values });
          expect([caller.errors, story(caller)]).toEqual(["", ["200 INVITE", "200 BYE"]]);
          expect(story(await callee.result)).toEqual(["INVITE", "ACK", "BYE"]);
        });
      }
    }

    test(`hold and resume by re-INVITE${said[manner]}`, async () => {
      const [callee, { address }] = await reached(manner, { scenario: "uas-held" });
      const caller = await sipp({ scenario: "uac-hold", remote: address });
      expect(caller.errors).toBe("");
      expect(story(await callee.result)).toEqual(["INVITE", "ACK", "INVITE", "ACK", "INVITE", "ACK", "BYE"]);
    });

    test(`a refusal and its ACK${said[manner]}`, async () => {
      const [callee, { address }] = await reached(manner, {
        scenario: "uas-refuses",
        values: { status: "486 Busy Here" },
      });
      const caller = await sipp({ scenario: "uac-rejected", values: { status: "486" }, remote: address });
      expect([caller.errors, story(caller)]).toEqual(["", ["486 INVITE"]]);
      expect(story(await callee.result)).toEqual(["INVITE", "ACK"]);
    });

    test(`a CANCEL and its 487${said[manner]}`, async () => {
      const [callee, { address }] = await reached(manner, { scenario: "uas-ringing" });
      const caller = await sipp({ scenario: "uac-cancel", remote: address });
      expect([caller.errors, story(caller)]).toEqual(["", ["200 CANCEL", "487 INVITE"]]);
      expect(story(await callee.result)).toEqual(["INVITE", "CANCEL", "ACK"]);
    });
  }
});
