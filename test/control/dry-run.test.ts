/** What the dry run of the routes says is what happens: the same requests are asked about, and made. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { below, pick, seeded } from "../support/random.ts";
import { closePeers, UdpPeer } from "../support/udp-peer.ts";
import { type ApiServer, control, openApiServer } from "./api-server.ts";

/** Each route answers with a code of its own. */
const routes = `
domains: [example.com, example.org]
routes:
  - { to: "a*@example.com", from: "carol@*", reply: 480 }
  - { to: "*@example.org", method: MESSAGE, reply: 484 }
  - { to: "/^(\\\\d+)@/", reply: 485 }
  - { to: "*", from: "bob@*", reply: 486 }
  - { to: "b*", method: [INVITE, OPTIONS], reply: 488 }
  - { to: "z@*", method: OPTIONS, reply: 200 }`;

let api: ApiServer;
let phone: UdpPeer;
beforeAll(async () => {
  api = await openApiServer(`${routes}\n${control}`, {}, undefined, "");
  phone = await UdpPeer.open(api.port, "127.0.0.1");
});
afterAll(async () => {
  closePeers();
  await api.close();
});

const users = ["alice", "bob", "carol", "12345", "0049", "z", "a", "zoe"];
const hosts = ["example.com", "example.org", "other.example", "EXAMPLE.COM"];
const methods = ["INVITE", "OPTIONS", "MESSAGE", "INFO", "SUBSCRIBE"];

test.each([1, 2, 3, 4])("with seed %d", async (seed) => {
  const random = seeded(seed);
  const wrong: unknown[] = [];
  for (let i = 0; i < 25; i++) {
    const to = `sip:${pick(random, users)}@${pick(random, hosts)}`;
    const from = `sip:${pick(random, users)}@${pick(random, hosts)}`;
    const method = pick(random, methods);
    const { body } = await api.ask("POST", "/v1/routes/test", { to, from, method });
    const status = await made(method, to, from, `${seed}-${i}-${below(random, 1e9)}`);
    const route = Object(body.route);
    const expected =
      body.outcome === "route" ? [Number(route.target)] : body.outcome === "refuse" ? [403, 404] : [200, 405, 481];
    if (!expected.includes(status)) wrong.push({ to, from, method, status, says: body.says });
  }
  expect(wrong).toEqual([]);
});

/** The final response to such a request. */
async function made(method: string, to: string, from: string, id: string): Promise<number> {
  const lines = [
    `${method} ${to} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${phone.port};branch=z9hG4bK${id}`,
    `From: <${from}>;tag=${id}`,
    `To: <${to}>`,
    `Call-ID: ${id}`,
    `CSeq: 1 ${method}`,
    `Contact: <sip:127.0.0.1:${phone.port}>`,
    ...(method === "SUBSCRIBE" ? ["Event: dialog"] : []),
    "Max-Forwards: 70",
    "Content-Length: 0",
  ];
  phone.send(`${lines.join("\r\n")}\r\n\r\n`);
  const response = await phone.response(id, method);
  return response.status;
}
