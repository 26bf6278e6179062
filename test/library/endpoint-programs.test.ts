/** The programs of docs/library.md that speak SIP themselves, as printed but for addresses: one calls the other. */
import { afterEach, expect, test } from "bun:test";
import { programBelow, type Running, runProgram } from "../support/library.ts";
import { freePort, untilBound } from "../support/peers/ports.ts";

const open: Running[] = [];
afterEach(async () => {
  for (const { program } of open.splice(0)) await program.stop();
});

test("an endpoint registers at another, asks it, calls it and hangs up", async () => {
  const port = await freePort();
  const server = runProgram(programBelow("Speak SIP yourself"), { "192.0.2.10:5060": `127.0.0.1:${port}` });
  open.push(server);
  expect(await untilBound(port, "udp", 10_000, server.program.pid)).toBe(true);
  const client = runProgram(programBelow("Speak SIP yourself", 1), { "192.0.2.10:5060": `127.0.0.1:${port}` });
  open.push(client);
  expect(await client.program.finish(10_000)).toBe(0);
  await server.program.line(/^BYE/);
  const methods = server.program.stdout.map((line) => line.split(" ")[0]);
  expect(methods.toSorted()).toEqual(["ACK", "BYE", "INVITE", "MESSAGE", "OPTIONS", "REGISTER"]);
  expect(server.program.stdout).toContain("INVITE over udp from 127.0.0.1");
  expect(client.program.stdout.at(-1)).toBe("over");
  expect(client.program.stdout.filter((line) => line === "200")).toHaveLength(3);
  expect(client.program.stdout).toContain("180");
}, 20_000);
