/** The servers of docs/library.md that are chains of several receivers, as printed but for addresses: what each lets through. */
import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Request, Response } from "../../src/sip/message.ts";
import { programBelow, type Running, runProgram } from "../support/library.ts";
import { has } from "../support/peers/available.ts";
import { phoneHost } from "../support/peers/baresip.ts";
import { netSipAnswerer } from "../support/peers/netsip.ts";
import { freePort, untilBound } from "../support/peers/ports.ts";
import { received, sipp, startSipp } from "../support/peers/sipp.ts";
import { until } from "../support/peers/until.ts";
import { closePeers, UdpPeer } from "../support/udp-peer.ts";

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
  closePeers();
});

async function start(heading: string, port: number, replaced: Readonly<Record<string, string>>): Promise<Running> {
  const running = runProgram(programBelow(heading), replaced);
  open.push(running.program);
  if (!(await untilBound(port, "udp", 10_000, running.program.pid)))
    throw new RangeError(running.program.lines.join("\n"));
  return running;
}

async function answer(peer: UdpPeer, request: Request): Promise<Response> {
  peer.send(request.bytes());
  return await peer.response(request.callId, request.method);
}

describe.skipIf(!has("sipp", "Net::SIP"))("servers of docs/library.md", () => {
  test("redirect: a Net::SIP program registers, and callers are told where it is", async () => {
    const port = await freePort();
    await start("Redirect", port, { "192.0.2.10:5060": `0.0.0.0:${port}` });
    const phone = { server: `${phoneHost}:${port}`, domain: "example.com", password: "builder", user: "bob" };
    const callee = await netSipAnswerer(phone);
    open.push(callee.program);
    expect(callee.program.lines[0]).toBe("REGISTERED 600");
    const peer = await UdpPeer.open(port);
    const found = await answer(peer, peer.compose("INVITE", { uri: "sip:bob@example.com" }));
    expect([found.status, found.contact?.uriText]).toEqual([302, expect.stringMatching(/^sip:bob@[\d.]+:\d+$/)]);
    expect((await answer(peer, peer.compose("INVITE", { uri: "sip:alice@example.com" }))).status).toBe(480);
    expect((await answer(peer, peer.compose("REGISTER", { uri: "sip:example.com" }))).status).toBe(401);
  });

  test("between two networks: a call goes out to the gateway, without its 0, with Contacts rewritten", async () => {
    const port = await freePort();
    const gateway = await startSipp({ scenario: "uas-call", host: "127.0.0.4" });
    open.push(gateway);
    // Two addresses of which the machine knows which one leads where.
    await start("Between two networks", port, {
      "192.0.2.10:5060": `${phoneHost}:${port}`,
      "192.0.2.10": phoneHost,
      "198.51.100.10:5060": `127.0.0.1:${port}`,
      "198.51.100.1": `127.0.0.4:${gateway.port}`,
    });
    const inside = { host: phoneHost, service: "04912345", scenario: "uac-call" } as const;
    const caller = await sipp({ ...inside, remote: `${phoneHost}:${port}` });
    expect(caller.errors).toBe("");
    expect([caller.code, caller.successful]).toEqual([0, 1]);
    const called = await gateway.result;
    expect(received(called)).toEqual(["INVITE", "ACK", "BYE"]);
    const invite = called.messages.find(({ text }) => text.startsWith("INVITE"))?.text ?? "";
    expect(invite).toStartWith(`INVITE sip:4912345@127.0.0.4:${gateway.port} `);
    expect(/^Contact: (.*)$/m.exec(invite)?.[1]).toMatch(new RegExp(`^<sip:c-[\\w-]+@127\\.0\\.0\\.1:${port}`));
    const ok = caller.messages.find(({ text }) => /^SIP\/2\.0 200[\s\S]*^CSeq: \d+ INVITE/m.test(text))?.text ?? "";
    expect(/^Contact: (.*)$/m.exec(ok)?.[1]).toMatch(
      new RegExp(`^<sip:c-[\\w-]+@${phoneHost.replaceAll(".", "\\.")}:${port}`),
    );
  });

  test("between two networks: from outside nobody gets to the gateway, nor anywhere else", async () => {
    const port = await freePort();
    await start("Between two networks", port, {
      "192.0.2.10:5060": `127.0.0.2:${port}`,
      "192.0.2.10": "127.0.0.2",
      "198.51.100.10:5060": `127.0.0.1:${port}`,
      "198.51.100.1": "127.0.0.4:9",
    });
    const peer = await UdpPeer.open(port, "127.0.0.1");
    // The second leg may be a moment behind the first.
    await until("the outer leg", () => {
      peer.send(peer.compose("OPTIONS").bytes());
      return peer.responses.length > 0;
    });
    for (const uri of ["sip:04912345@example.com", "sip:somebody@192.0.2.99", "sip:bob@example.com"])
      expect((await answer(peer, peer.compose("INVITE", { uri }))).status).toBeOneOf([404, 480]);
    expect((await answer(peer, peer.compose("REGISTER", { uri: "sip:example.com" }))).status).toBe(405);
  });

  test("keep out what does not belong", async () => {
    const port = await freePort();
    const { folder } = await start("Keep out what does not belong", port, { "192.0.2.10:5060": `127.0.0.1:${port}` });
    const peer = await UdpPeer.open(port, "127.0.0.1");
    expect((await answer(peer, peer.compose("SUBSCRIBE"))).status).toBe(405);
    const text = await answer(peer, peer.compose("MESSAGE"));
    expect([text.status, text.reason]).toEqual([403, "No texts"]);
    const scanner = peer.compose("OPTIONS", { headers: [["User-Agent", "Some-Scanner/1"]] });
    peer.send(scanner.bytes());
    for (let nth = 1; nth <= 10; nth++) {
      const register = peer.compose("REGISTER", { uri: "sip:example.com", headers: [["Expires", "0"]] });
      expect((await answer(peer, register)).status).toBe(404);
    }
    peer.send(peer.compose("REGISTER", { uri: "sip:example.com" }).bytes());
    const kept = await until("a rule on the disk", () => {
      try {
        return JSON.parse(readFileSync(join(folder, "dropped.json"), "utf8"));
      } catch {
        return undefined;
      }
    });
    expect(kept).toEqual([{ from: "127.0.0.1", until: expect.any(Number) }]);
    expect(peer.responses.filter(({ callId }) => callId === scanner.callId)).toEqual([]);
    // From now on nothing of that address is answered.
    const before = peer.received.length;
    peer.send(peer.compose("SUBSCRIBE").bytes());
    const other = await UdpPeer.open(port, "127.0.0.2");
    expect((await answer(other, other.compose("SUBSCRIBE"))).status).toBe(405);
    expect(peer.received.length).toBe(before);
  });
});
