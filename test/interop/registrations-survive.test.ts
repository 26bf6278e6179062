/** Registrations and kill -9 (R6): what was acknowledged over a second before is there after the restart, and nothing is corrupt. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { bindUdp, type UdpSocket } from "../../src/udp.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

const perSecond = 1000;
/** Milliseconds that the bindings are being made when the server is killed. */
const load = 3000;
/** What may be lost, in ms. */
const window = 1000;

/** Many phones behind one socket: each REGISTER's user, and when its 200 came. */
class Phones {
  readonly acknowledged = new Map<number, number>();
  /** The contacts that were told in the last 200 of each. */
  readonly contacts = new Map<number, number>();
  readonly #socket: UdpSocket;
  #sequence = 0;

  static async open(): Promise<Phones> {
    let take = (_text: string) => {};
    const socket = await bindUdp({
      host: "127.0.0.1",
      port: 0,
      guarded: false,
      receiveBuffer: 4 << 20,
      onPacket: (datagram) => take(Buffer.from(datagram).toString("latin1")),
    });
    const phones = new Phones(socket);
    take = (text) => phones.#take(text);
    return phones;
  }

  private constructor(socket: UdpSocket) {
    this.#socket = socket;
  }

  /** Registers a user, or only asks when `ask` says so. */
  send(user: number, server: Server, ask = false): void {
    const sequence = ++this.#sequence;
    const text = [
      `REGISTER sip:${server.host} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${this.#socket.port};branch=z9hG4bK${sequence};rport`,
      "Max-Forwards: 70",
      `From: <sip:u${user}@127.0.0.1>;tag=1`,
      `To: <sip:u${user}@127.0.0.1>`,
      `Call-ID: ${user}@phones`,
      `CSeq: ${sequence} REGISTER`,
      ...(ask ? [] : [`Contact: <sip:u${user}@127.0.0.1:${this.#socket.port}>`, "Expires: 3600"]),
      "Content-Length: 0",
    ].join("\r\n");
    this.#socket.send(Buffer.from(`${text}\r\n\r\n`, "latin1"), server.port, "127.0.0.1");
  }

  #take(text: string): void {
    const user = Number(/^Call-ID: (\d+)@/m.exec(text)?.[1]);
    if (!text.startsWith("SIP/2.0 200")) return;
    this.acknowledged.set(user, performance.now());
    this.contacts.set(user, text.match(/^Contact: /gm)?.length ?? 0);
  }

  close(): void {
    this.#socket.close();
  }
}

const servers: Server[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop();
});

async function start(store: string): Promise<Server> {
  const config = `store: "sqlite:${store}"\nregistrar: { open: true }\nlimits: { requests_per_source: 0 }\nroutes: []`;
  const server = await siproc({ config, mediaPorts: 40 });
  servers.push(server);
  return server;
}

test(`kill -9 in the middle of ${perSecond} registrations a second`, async () => {
  const store = join(temporaryFolder("survive"), "siproc.db");
  const phones = await Phones.open();
  const first = await start(store);
  const began = performance.now();
  let users = 0;
  // Some are refreshed over and over, so that rows are changed as well as added.
  const due = () => Math.floor(((performance.now() - began) * perSecond) / 1000);
  await until(
    "end of the load",
    () => {
      for (; users < due(); users++) phones.send(users % 10 === 0 ? users % 100 : users, first);
      return performance.now() - began > load;
    },
    2 * load,
  );
  first.program.signal("SIGKILL");
  const killed = performance.now();
  await first.program.exited;
  const acknowledged = [...phones.acknowledged].filter(([, at]) => at < killed - window).map(([user]) => user);
  expect(acknowledged.length).toBeGreaterThan((perSecond * (load - window)) / 1000 / 2);

  const second = await start(store);
  phones.contacts.clear();
  for (const user of acknowledged) phones.send(user, second, true);
  await until(
    "answer for each user",
    () => {
      const missing = acknowledged.filter((user) => !phones.contacts.has(user));
      for (const user of missing.slice(0, 50)) phones.send(user, second, true);
      return missing.length === 0;
    },
    10_000,
  );
  expect(acknowledged.filter((user) => phones.contacts.get(user) !== 1)).toEqual([]);
  expect(await second.stop()).toBe(0);
  phones.close();

  const database = new Database(store);
  expect(database.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  const kept = database.query<{ aor: string }, []>("SELECT aor FROM bindings").all().length;
  expect(kept).toBeGreaterThanOrEqual(acknowledged.length);
  expect(kept).toBeLessThanOrEqual(users);
  database.close();
}, 60_000);
