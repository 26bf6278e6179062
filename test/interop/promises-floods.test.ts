/** R1: floods of calls and registrations through each proxy, with the binary: others are answered, memory stays, and it lives on. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { closeAllPeers, Peer } from "../support/peer.ts";
import { freePort } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";

let server: Server;
/** Takes what is forwarded, and says nothing. */
let silent: Bun.udp.Socket<"buffer">;

beforeAll(async () => {
  silent = await Bun.udpSocket({ hostname: "127.0.0.67", port: await freePort() });
  server = await siproc({
    quiet: true,
    config: `
domains: [example.com]
accounts: [{ user: alice, password: wonderland }]
ban: { never: ["127.0.0.66"] }
limits: { requests_per_source: 0, transactions: 5000, drain: 0s }
routes:
  - { to: "stateful@*", proxy: "sip:127.0.0.67:${silent.port}" }
  - { to: "stateless@*", proxy: "sip:127.0.0.67:${silent.port}", mode: stateless }
  - { to: "*@example.com", location: true, auth: true }`,
  });
});
afterEach(closeAllPeers);
afterAll(async () => {
  silent?.close();
  expect(await server.stop()).toBe(0);
});

/** Resident octets. */
function memory(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.program.pid}/status`, "latin1"))?.[1]) * 1024;
}

test.each([
  ["INVITEs through the stateful proxy", 0, ["sip:stateful@example.com"]],
  ["INVITEs through the stateless proxy", 0, ["sip:stateless@example.com"]],
  ["large INVITEs through both", 20_000, ["sip:stateful@example.com", "sip:stateless@example.com"]],
  ["REGISTERs of many users", 0, ["register:sip:example.com"]],
  ["INVITEs to users, who must be authorized", 0, ["sip:alice@example.com", "sip:nobody@example.com"]],
])(
  "a flood of %s",
  async (_, octets, uris) => {
    const phone = await Peer.open(server.port, "tcp", { user: "alice", password: "wonderland" });
    expect((await phone.register()).status).toBe(200);
    const flooder = new Program({
      command: [
        process.execPath,
        new URL("../support/invite-flooder.ts", import.meta.url).pathname,
        `${server.port}`,
        "1500",
        `${octets}`,
        ...uris,
      ],
    });
    const times: number[] = [];
    let flooding = true;
    const done = flooder.exited.then(() => {
      flooding = false;
    });
    while (flooding) {
      const began = performance.now();
      expect((await phone.register()).status).toBe(200);
      times.push(performance.now() - began);
    }
    await done;
    expect(Number(flooder.stdout.at(-1))).toBeGreaterThan(1000);
    // A registration is two exchanges. The machine is shared with who floods: the median tells of the server.
    times.sort((a, b) => a - b);
    expect(times[times.length >> 1]).toBeLessThan(200);
    // 5,000 transactions of 20 KB, and what the collector has not come to.
    expect(memory()).toBeLessThan(600e6);
    expect((await phone.register()).status).toBe(200);
    expect(server.program.stderr.filter((line) => / error /.test(line))).toEqual([]);
  },
  20_000,
);
