/** R6: after kill -9 and a start with the same store, calls that went through a proxy go on: BYE, re-INVITE and the rest find their way. */
import { Database } from "bun:sqlite";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Request, Response } from "../../src/sip/message.ts";
import { fromCallee, fromCaller } from "../support/dialog.ts";
import { closeAllPeers, Peer, type PeerOptions } from "../support/peer.ts";
import { Program } from "../support/peers/program.ts";
import { binary, type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

let server: Server;
let running: Program;

beforeAll(async () => {
  server = await siproc({
    listen: ["ws"],
    config: `
domains: [example.com]
store: sqlite:siproc.db
registrar: { max_contacts: 100 }
accounts: [{ user: bob, password: builder }]
routes:
  - { to: "*@example.com", from: "*@stateless.example", location: true, mode: stateless }
  - { to: "*@example.com", from: "*@rewritten.example", location: true, mode: stateless, rewrite_contact: force }
  - { to: "*@example.com", from: "*@stateful.example", location: true }`,
  });
  running = server.program;
});
afterEach(closeAllPeers);
afterAll(async () => {
  expect(await running.stop()).toBe(0);
});

/** Ends it as a power cut would, and starts it again where it was. */
async function restart(): Promise<void> {
  process.kill(running.pid, "SIGKILL");
  await running.exited;
  running = new Program({ command: [binary, "run", "siproc.yaml"], cwd: server.folder });
  await running.line(/listening/i);
}

type Kind = "udp" | "tcp" | "ws";
const portOf = (kind: Kind) => (kind === "ws" ? server.ports.ws : server.port);
const instance = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"';

/** Bob's phone, registered; over a connection its Contact is the GRUU that it was given (RFC 5627). */
async function phone(kind: Kind, options: PeerOptions = {}): Promise<Peer> {
  const bob = await Peer.open(portOf(kind), kind, { user: "bob", password: "builder", ...options });
  const registered = await bob.register(`${bob.contact};${instance}`, [["Supported", "gruu, path"]]);
  expect(registered.status).toBe(200);
  const gruu = /pub-gruu="([^"]+)"/.exec(
    registered.headers("contact").find((value) => value.includes(bob.address)) ?? "",
  )?.[1];
  const contact = kind === "udp" ? bob.contact : `<${gruu ?? ""}>`;
  bob.onRequest = (request) => {
    if (request.method !== "ACK") bob.reply(request, 200, [["Contact", contact]], "bobs");
  };
  return bob;
}

function isStored({ host, port }: Peer): boolean {
  const database = new Database(join(server.folder, "siproc.db"), { readonly: true });
  const found = database.query("SELECT 1 FROM bindings WHERE instr(contact, ?)").get(`${host}:${port}`);
  database.close();
  return found !== null;
}

async function outcome(peer: Peer, request: Request): Promise<number> {
  peer.send(request);
  return (await peer.answer(request)).status;
}

describe.each(["stateful", "stateless", "rewritten"])("through a %s proxy", (mode) => {
  test.each(["udp", "tcp", "ws"] as const)(
    "to a phone over %s",
    async (kind) => {
      const alice = await Peer.open(server.port, "udp", { user: "alice", domain: `${mode}.example` });
      alice.onRequest = (request) => {
        if (request.method !== "ACK") alice.reply(request, 200);
      };
      const before = await phone(kind);
      const ok: Response = await alice.ask("INVITE", { uri: "sip:bob@example.com" });
      expect(ok.status).toBe(200);
      alice.send(fromCaller(alice, ok, "ACK", 1));
      await before.request("ACK");
      const invite = await before.request("INVITE");
      // Written behind, within a second.
      await until("the registration in the store", () => isStored(before));
      await restart();
      let after = before;
      if (kind !== "udp") {
        await before.closed;
        after = await phone(kind);
      }
      expect(await outcome(alice, fromCaller(alice, ok, "INVITE", 2))).toBe(200);
      alice.send(fromCaller(alice, ok, "ACK", 2));
      await after.request("ACK", ({ cseq }) => cseq.number === 2);
      expect(await outcome(after, fromCallee(after, invite, "bobs", "INFO", 10))).toBe(200);
      expect(await outcome(after, fromCallee(after, invite, "bobs", "INVITE", 11))).toBe(200);
      expect(await outcome(alice, fromCaller(alice, ok, "BYE", 3))).toBe(200);
      // A new call finds the registration, too.
      expect((await alice.ask("INVITE", { uri: "sip:bob@example.com" })).status).toBe(200);
      expect(running.stderr.filter((line) => / (error|warn) /.test(line) && !/domains is empty/.test(line))).toEqual(
        [],
      );
    },
    20_000,
  );
});
