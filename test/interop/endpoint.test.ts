/** The programs of docs/library.md that speak SIP themselves, with programs not written here at the other end. */
import { afterEach, describe, expect, test } from "bun:test";
import { programBelow, runProgram } from "../support/library.ts";
import { has } from "../support/peers/available.ts";
import { phoneHost } from "../support/peers/baresip.ts";
import { netSipMailbox } from "../support/peers/netsip.ts";
import { freePort, untilBound } from "../support/peers/ports.ts";
import type { Program } from "../support/peers/program.ts";
import { received, sipp, startSipp } from "../support/peers/sipp.ts";
import { until } from "../support/peers/until.ts";

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

/** The program of the application; it listens at what it gives. */
async function application(): Promise<{ program: Program; address: string }> {
  const address = `${phoneHost}:${await freePort()}`;
  const { program } = runProgram(programBelow("Speak SIP yourself"), { "192.0.2.10:5060": address });
  open.push(program);
  if (!(await untilBound(Number(address.split(":")[1]), "udp", 10_000, program.pid)))
    throw new RangeError(program.lines.join("\n"));
  return { program, address };
}

describe.skipIf(!has("sipp", "perl"))("an endpoint of a program's", () => {
  test("is called by SIPp twenty times at once, and every message is in its place", async () => {
    const { program, address } = await application();
    const run = await sipp({
      scenario: "uac-call",
      remote: address,
      host: phoneHost,
      service: "you",
      calls: 20,
      rate: 20,
      values: { pause: "100" },
    });
    expect({ code: run.code, failed: run.failed, errors: run.errors }).toEqual({ code: 0, failed: 0, errors: "" });
    const count = (method: string) => program.stdout.filter((line) => line.split(" ")[0] === method).length;
    // SIPp has its last answer before the program's last line has been read.
    await until("the last BYE", () => count("BYE") >= 20);
    expect(["INVITE", "ACK", "BYE"].map(count)).toEqual([20, 20, 20]);
  });

  test("calls SIPp, and hangs up", async () => {
    const callee = await startSipp({ scenario: "uas-call", host: phoneHost });
    const { program } = runProgram(programBelow("Speak SIP yourself", 1), {
      "192.0.2.10:5060": `${phoneHost}:${callee.port}`,
      // This SIPp takes calls alone.
      "endpoint.register(": "void (",
      'endpoint.newRequest("OPTIONS",': 'void ("OPTIONS",',
      'endpoint.closeContext(endpoint.newRequest("MESSAGE",': 'void (("MESSAGE",',
    });
    open.push(program);
    expect(await program.finish(10_000)).toBe(0);
    expect(program.stdout.at(-1)).toBe("over");
    const result = await callee.result;
    expect({ code: result.code, story: received(result) }).toEqual({ code: 0, story: ["INVITE", "ACK", "BYE"] });
  });

  test("subscribes at Net::SIP::Endpoint, and is notified", async () => {
    const mailbox = await netSipMailbox();
    open.push(mailbox.program);
    const { program } = runProgram(`import { Agent } from "siproc";
await using ua = await Agent.open({ legs: "udp://0.0.0.0:0" });
const endpoint = ua.createEndpoint(() => {});
ua.serve(endpoint.receive);
const told = Promise.withResolvers<void>();
endpoint.newRequest("SUBSCRIBE", { from: "sip:me@example.com", to: "sip:me@${mailbox.address}" }, {
  headers: { Event: "message-summary", Expires: "60" },
  callback(endpoint, ctx, { code, packet }) {
    if (packet?.type !== "request") return console.log(code);
    console.log(packet.method, Buffer.from(packet.body).toString().split("\\r\\n")[1]);
    endpoint.newResponse(ctx, { request: packet, status: 200 });
    setTimeout(told.resolve, 200);
  },
});
await told.promise;
`);
    open.push(program);
    expect(await program.finish(10_000)).toBe(0);
    expect(program.stdout.toSorted()).toEqual(["200", "NOTIFY Voice-Message: 2/8"]);
    await mailbox.program.line(/^NOTIFIED 200/);
  });
});
