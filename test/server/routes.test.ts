/** Which requests outside of dialogs a server's routes take, and what becomes of the rest. */
import { afterEach, expect, test } from "bun:test";
import type { Route } from "../../src/config/config.ts";
import { compilePattern } from "../../src/routing/index.ts";
import { openServer, stopAll } from "../support/server.ts";
import { UdpPeer } from "../support/udp-peer.ts";

afterEach(stopAll);

function to(text: string): Route["to"] {
  const compiled = compilePattern(text);
  if (!compiled.ok) throw new TypeError(compiled.reason);
  return compiled.pattern;
}

const reply = (code: number): Route["action"] => ({ type: "reply", code, reason: undefined });

const routes: Partial<Route>[] = [
  { methods: ["SUBSCRIBE", "PING"], action: reply(489) },
  { to: to("/^00(\\d+)@/"), action: { type: "redirect", uri: "sip:$1@gateway.example" } },
  { to: to("busy@*"), action: reply(486) },
  { to: to("sales"), action: { type: "exec", argv: ["handler"] } },
];

const cases: [method: string, uri: string, status: number, header?: [name: string, value: string]][] = [
  ["INVITE", "sip:sales@example.com", 488],
  ["INVITE", "sip:busy@example.com", 486],
  ["INVITE", "sip:0049123@example.com", 302, ["contact", "<sip:49123@gateway.example>"]],
  ["INVITE", "sip:nobody@example.com", 404],
  ["OPTIONS", "sip:sales@example.com", 200],
  ["OPTIONS", "sip:nobody@example.com", 200],
  ["SUBSCRIBE", "sip:sales@example.com", 489],
  ["PING", "sip:sales@example.com", 489],
  ["REGISTER", "sip:example.com", 405],
  ["FETCH", "sip:sales@example.com", 501],
  ["BYE", "sip:sales@example.com", 481],
];

for (const [method, uri, status, header] of cases)
  test(`${method} to ${uri} gets ${status}`, async () => {
    const { port } = await openServer({ routes });
    const peer = await UdpPeer.open(port.udp);
    const request = peer.compose(method, { uri, ...(method === "INVITE" ? { body: "v=0\r\n" } : {}) });
    peer.send(request.bytes());
    const response = await peer.response(request.callId, method);
    expect(response.status).toBe(status);
    if (header !== undefined) expect(response.header(header[0])).toBe(header[1]);
  });

test.each([
  ["sip:sales@elsewhere.example", 403],
  ["sip:sales@EXAMPLE.com", 486],
  ["sip:sales@127.0.0.1", 486],
])("with domains, %s gets %d", async (uri, status) => {
  const { port } = await openServer({ domains: ["example.com"], routes: [{ action: reply(486) }] });
  const peer = await UdpPeer.open(port.udp);
  const request = peer.compose("INVITE", { uri });
  peer.send(request.bytes());
  expect((await peer.response(request.callId, "INVITE")).status).toBe(status);
});

test("OPTIONS to the domain itself is for us, whatever users a route is for", async () => {
  const { port } = await openServer({
    domains: ["example.com"],
    routes: [
      {
        action: {
          type: "location",
          mode: "stateful",
          relay: false,
          media: "auto",
          recordRoute: true,
          rewriteContact: false,
        },
      },
    ],
  });
  const peer = await UdpPeer.open(port.udp);
  const request = peer.compose("OPTIONS", { uri: "sip:example.com" });
  peer.send(request.bytes());
  expect((await peer.response(request.callId, "OPTIONS")).status).toBe(200);
});

test("the first call that no route takes is logged, the further ones are not, and no password is", async () => {
  const { port, log } = await openServer({ routes: [] });
  const peer = await UdpPeer.open(port.udp);
  for (const uri of ["sip:lost:secret@example.com", "sip:lost@example.com", "sip:found@example.com"]) {
    const request = peer.compose("INVITE", { uri });
    peer.send(request.bytes());
    await peer.response(request.callId, "INVITE");
  }
  const told = log.filter((line) => line.includes("fits no route"));
  expect(told).toHaveLength(1);
  expect(told[0]).toContain("to=sip:lost@example.com");
  expect(log.join("\n")).not.toContain("secret");
});

test.each([
  ["OPTIONS", "Require"],
  ["INVITE", "Require"],
])("a %s whose %s no header can repeat gets 420 all the same", async (method, header) => {
  const { port, log } = await openServer({ routes: [{ action: reply(486) }] });
  const peer = await UdpPeer.open(port.udp);
  const request = peer.compose(method);
  const octets = Buffer.from(request.bytes()).toString("latin1").replace("\r\n\r\n", `\r\n${header}: a\0b\r\n\r\n`);
  peer.send(Buffer.from(octets, "latin1"));
  expect((await peer.response(request.callId, method)).status).toBe(420);
  expect(log.filter((line) => line.includes("could not be handled"))).toEqual([]);
});
