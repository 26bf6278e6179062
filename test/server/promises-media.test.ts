/** R8: relayed media comes from, and goes to, the two parties of a call alone, whoever else sends to our ports or speaks in their names. */
import { afterEach, describe, expect, test } from "bun:test";
import { buildResponse, type Request, type Response } from "../../src/sip/message.ts";
import { bindUdp, type UdpSocket } from "../../src/udp.ts";
import { fromCaller } from "../support/dialog.ts";
import { fresh, Peer } from "../support/peer.ts";
import { openSite, type Site, stopSites } from "../support/site.ts";

const closers: (() => void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await stopSites();
});

/** Sends and hears RTP. */
class Ear {
  readonly heard: string[] = [];
  readonly #socket: UdpSocket;
  #sequence = 100;
  #wake = () => {};

  static async open(host: string): Promise<Ear> {
    let take = (_octets: Uint8Array) => {};
    const socket = await bindUdp({ host, port: 0, guarded: false, onPacket: (octets) => take(octets) });
    closers.push(() => socket.close());
    const ear = new Ear(socket);
    take = (octets) => {
      ear.heard.push(Buffer.from(octets.subarray(12)).toString("latin1"));
      ear.#wake();
    };
    return ear;
  }

  private constructor(socket: UdpSocket) {
    this.#socket = socket;
  }

  get host(): string {
    return this.#socket.host;
  }

  get port(): number {
    return this.#socket.port;
  }

  say(word: string, to: number): void {
    const packet = Buffer.concat([
      Uint8Array.of(0x80, 0, 0, this.#sequence++ & 255, 0, 0, 0, 0, 1, 2, 3, 4),
      Buffer.from(word),
    ]);
    this.#socket.send(packet, to, "127.0.0.1");
  }

  /** Resolves when this was heard; `again` says it once more where it was lost. */
  async hears(word: string, again: () => void): Promise<void> {
    const end = performance.now() + 4000;
    while (!this.heard.includes(word)) {
      if (performance.now() > end) throw new RangeError(`${word} was not heard`);
      again();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, 20);
      await promise;
      clearTimeout(timer);
    }
  }
}

const sdpOf = (host: string, port: number, version = 1) =>
  `v=0\r\no=- 1 ${version} IN IP4 ${host}\r\ns=-\r\nc=IN IP4 ${host}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\n`;
const portIn = (message: Request | Response) =>
  Number(/^m=audio (\d+)/m.exec(Buffer.from(message.body).toString())?.[1]);

interface Stage {
  site: Site;
  alice: Peer;
  bob: Peer;
  ear: { alice: Ear; bob: Ear; thief: Ear };
  ok: Response;
  /** Ports of ours: where Alice and where Bob send to. */
  to: { alice: number; bob: number };
}

/** A call that is up; `hidden`: the phones name private addresses, as behind a NAT. */
async function call(mode: string, hidden: boolean): Promise<Stage> {
  const site = await openSite(`
domains: [example.com]
registrar: { open: true }
routes: [{ to: "*@example.com", location: true, mode: ${mode}, nat: relay }]`);
  const alice = await Peer.open(site.port.udp, "udp", { host: "127.0.0.101", user: "alice" });
  const bob = await Peer.open(site.port.udp, "udp", { host: "127.0.0.102", user: "bob" });
  expect((await bob.register()).status).toBe(200);
  const ear = {
    alice: await Ear.open("127.0.0.101"),
    bob: await Ear.open("127.0.0.102"),
    thief: await Ear.open("127.0.0.103"),
  };
  const said = (own: Ear) => (hidden ? sdpOf("10.99.0.1", 4000) : sdpOf(own.host, own.port));
  bob.onRequest = (request) => {
    if (request.method === "ACK") return;
    bob.send(
      buildResponse(request, 200, {
        toTag: "bobs",
        copyRecordRoute: true,
        headers: [
          ["Contact", bob.contact],
          ["Content-Type", "application/sdp"],
        ],
        body: Buffer.from(said(ear.bob)),
      }),
    );
  };
  const ok = await alice.ask("INVITE", { uri: "sip:bob@example.com", body: said(ear.alice) });
  expect(ok.status).toBe(200);
  alice.send(fromCaller(alice, ok, "ACK", 1));
  const invite = await bob.request("INVITE");
  await bob.request("ACK");
  return { site, alice, bob, ear, ok, to: { alice: portIn(ok), bob: portIn(invite) } };
}

const allPorts = ({ media }: Site["config"]) => {
  const [first, last] = media.ports;
  return Array.from({ length: last - first + 1 }, (_, n) => first + n);
};

function spray({ site, ear }: Stage): void {
  for (let n = 0; n < 5; n++) for (const port of allPorts(site.config)) ear.thief.say("noise", port);
}

async function bothHear({ ear, to }: Stage, word: string): Promise<void> {
  // Behind a NAT one is heard by the other only once both have spoken.
  const speak = () => {
    ear.alice.say(`a-${word}`, to.alice);
    ear.bob.say(`b-${word}`, to.bob);
  };
  await ear.bob.hears(`a-${word}`, speak);
  await ear.alice.hears(`b-${word}`, speak);
}

describe.each(["stateful", "stateless"])("through a %s proxy", (mode) => {
  test.each([
    ["that name where they are", false],
    ["behind NATs", true],
  ])("phones %s hear each other, and no stranger before or after", async (_, hidden) => {
    const on = await call(mode, hidden);
    spray(on);
    await bothHear(on, "first");
    spray(on);
    await bothHear(on, "second");
    const { ear } = on;
    expect([...ear.alice.heard, ...ear.bob.heard].filter((word) => word === "noise")).toEqual([]);
    expect(ear.thief.heard).toEqual([]);
    expect(on.site.faults).toEqual([]);
  });

  test("nobody turns a call's media to himself who lacks its tags and its pass", async () => {
    const on = await call(mode, false);
    await bothHear(on, "before");
    const thief = await Peer.open(on.site.port.udp, "udp", { host: "127.0.0.103", user: "thief" });
    const { ok, ear } = on;
    const from = ok.header("from") ?? "";
    const to = ok.header("to") ?? "";
    const other = (header: string) => header.replace(/tag=[^;]*/, "tag=other");
    const body = sdpOf(ear.thief.host, ear.thief.port, 2);
    const routes = ok.values("record-route").toReversed();
    const cases: readonly [from: string, to: string, routes: readonly string[]][] = [
      [from, to, []],
      [from, other(to), routes],
      [other(from), to, routes],
      [to, other(from), routes],
      [from, to, routes.map((route) => route.replace(/[0-9a-f](?=@)/, (digit) => (digit === "0" ? "1" : "0")))],
      [from, to.replace(/;tag=.*/, ""), routes],
    ];
    for (const method of ["INVITE", "UPDATE"])
      for (const [asFrom, asTo, route] of cases)
        for (const uri of [ok.contact?.uriText ?? "", "sip:bob@example.com"])
          thief.send(
            thief.compose(method, {
              uri,
              from: asFrom,
              to: asTo,
              callId: ok.callId,
              sequence: 50,
              branch: fresh("b"),
              headers: route.map((value) => ["Route", value] as const),
              body,
            }),
          );
    await thief.settled();
    await bothHear(on, "after");
    for (let n = 0; n < 3; n++) await bothHear(on, `still-${n}`);
    expect(ear.thief.heard).toEqual([]);
    expect(on.site.faults).toEqual([]);
  });

  test("after the BYE nothing is relayed any more", async () => {
    const on = await call(mode, false);
    await bothHear(on, "before");
    const { alice, ok, ear, to } = on;
    const bye = fromCaller(alice, ok, "BYE", 2);
    alice.send(bye);
    expect((await alice.answer(bye)).status).toBe(200);
    const before = ear.bob.heard.length;
    for (let n = 0; n < 10; n++) ear.alice.say("late", to.alice);
    spray(on);
    // The worker has heard of the end when its ports are free for another call.
    const again = await alice.ask("INVITE", {
      uri: "sip:bob@example.com",
      body: sdpOf(ear.alice.host, ear.alice.port),
    });
    expect(again.status).toBe(200);
    expect(ear.bob.heard.slice(before).filter((word) => word === "noise")).toEqual([]);
    expect(ear.thief.heard).toEqual([]);
  });
});
