/** SIPp calls the binary, whose scripts answer, ring, refuse, hold and talk: over UDP and TCP, IPv4 and IPv6. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { canCapture, capture } from "../support/peers/capture.ts";
import { received, type SippOptions, sipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { handlers } from "./handlers/scripts.ts";

const config = `routes:
  - { method: OPTIONS, reply: 200 }
${Object.keys(handlers)
  .map((name) => `  - { to: "${name}@*", script: handlers/${name}.ts }`)
  .join("\n")}
scripts: { allow: { read: [scripts/sounds], write: [recordings] } }`;
const files = Object.fromEntries(Object.entries(handlers).map(([name, text]) => [`handlers/${name}.ts`, text]));

/** The scenario, whom it calls, what it is told, and what SIPp then sees. */
const calls: [
  scenario: string,
  service: keyof typeof handlers | "nobody",
  values: Record<string, string>,
  sees: string[],
][] = [
  ["uac-call", "answer", {}, ["200 INVITE", "200 BYE"]],
  ["uac-call", "ringing", {}, ["180 INVITE", "200 INVITE", "200 BYE"]],
  ["uac-call", "early", {}, ["183 INVITE", "200 INVITE", "200 BYE"]],
  ["uac-early-hangup", "answer", {}, ["200 INVITE", "200 BYE"]],
  ["uac-early-hangup", "play", {}, ["200 INVITE", "200 BYE"]],
  ["uac-hungup", "hangup", { pause: "5000" }, ["200 INVITE", "BYE"]],
  ["uac-hungup", "failing", { pause: "5000" }, ["200 INVITE", "BYE"]],
  ["uac-rejected", "busy", { status: "486" }, ["486 INVITE"]],
  ["uac-rejected", "moved", { status: "302" }, ["302 INVITE"]],
  ["uac-rejected", "silent", { status: "480" }, ["480 INVITE"]],
  ["uac-rejected", "broken", { status: "500" }, ["500 INVITE"]],
  ["uac-rejected", "nobody", { status: "404" }, ["404 INVITE"]],
  ["uac-cancel", "patient", {}, ["180 INVITE", "200 CANCEL", "487 INVITE"]],
  ["uac-late-offer", "answer", {}, ["200 INVITE", "200 BYE"]],
  ["uac-100rel", "ringing", { status: "180" }, ["180 INVITE", "200 PRACK", "200 INVITE", "200 BYE"]],
  ["uac-100rel", "early", { status: "183" }, ["183 INVITE", "200 PRACK", "200 INVITE", "200 BYE"]],
  ["uac-hold", "answer", {}, ["200 INVITE", "200 INVITE", "200 INVITE", "200 BYE"]],
  ["uac-held", "hold", {}, ["200 INVITE", "INVITE", "ACK", "200 BYE"]],
  ["uac-update", "answer", {}, ["200 INVITE", "200 UPDATE", "200 BYE"]],
  ["uac-message", "text", { text: "schöne Grüße" }, ["200 INVITE", "200 MESSAGE", "MESSAGE", "200 BYE"]],
  ["uac-timer", "answer", {}, ["200 INVITE", "200 BYE"]],
  ["uac-reinvite-glare", "hold", {}, ["200 INVITE", "INVITE", "491 INVITE", "ACK", "INVITE", "ACK", "200 BYE"]],
  ["uac-options", "nobody", {}, ["200 OPTIONS"]],
];

describe.skipIf(!has("sipp"))("SIPp calls", () => {
  let server: Server;
  beforeAll(async () => {
    server = await siproc({ config, files, scripts: true });
  });
  afterAll(async () => {
    // A call that is still up here was not ended by its BYE: draining would wait for it.
    server.program.signal("SIGTERM");
    const code = await server.program.finish(3000);
    expect({ code, log: code === 0 ? [] : server.program.stderr.slice(-20) }).toEqual({ code: 0, log: [] });
  });

  const call = async (options: SippOptions) => {
    const run = await sipp({ ...options, remote: server.address });
    expect(run.errors).toBe("");
    expect(run.code).toBe(0);
    return run;
  };
  const story = (heads: readonly string[]) => heads.filter((head) => head !== "100 INVITE");

  describe.each(["udp", "tcp"] as const)("over %s", (transport) => {
    test.each(calls)("%s to %s %o", async (scenario, service, values, sees) => {
      expect(story(received(await call({ scenario, service, values, transport })))).toEqual(sees);
    });

    test("a hundred calls at once are each answered and ended", async () => {
      // All are up at once in the end; how many a second a machine takes is not the question here.
      const values = { pause: "5000" };
      const run = await call({ scenario: "uac-call", service: "answer", values, transport, calls: 100, rate: 25 });
      expect(run.successful).toBe(100);
    });
  });

  test.skipIf(!canCapture())("all of it is well-formed to tshark", async () => {
    const wire = await capture(`port ${server.port}`, [server.port]);
    for (const transport of ["udp", "tcp"] as const) {
      await call({ scenario: "uac-call", service: "play", transport });
      await call({ scenario: "uac-100rel", service: "early", values: { status: "183" }, transport });
      await call({ scenario: "uac-message", service: "text", values: { text: "ping" }, transport });
      await call({ scenario: "uac-options", service: "nobody", transport });
    }
    await wire.stop();
    expect(wire.read("sip.Status-Code == 200").length).toBeGreaterThanOrEqual(14);
    expect(wire.malformed()).toEqual([]);
  });
});

describe.skipIf(!has("sipp"))("SIPp calls over IPv6", () => {
  let server: Server;
  beforeAll(async () => {
    server = await siproc({ config, files, host: "::1" });
  });
  afterAll(async () => void (await server.stop()));

  test.each(["udp", "tcp"] as const)("by %s and is answered", async (transport) => {
    const run = await sipp({ scenario: "uac-call", service: "answer", transport, host: "::1", remote: server.address });
    expect(run.errors).toBe("");
    expect(run.code).toBe(0);
  });
});
