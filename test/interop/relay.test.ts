/** Two baresips whose media is relayed: they hear each other through us and through nobody else, whoever else sends. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { bindUdp } from "../../src/udp.ts";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { canCapture, capture } from "../support/peers/capture.ts";
import { lastPitch } from "../support/peers/phones.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

const config = (mode: string) => `domains: [example.com]
accounts: [{ user: alice, password: wonderland }, { user: bob, password: builder }]
routes: [{ to: "*@example.com", location: true, auth: true, mode: ${mode}, nat: relay }]`;

const hears = (phone: Baresip) => lastPitch(phone.heard().at(-1));

describe.skipIf(!has("baresip", "sox") || !canCapture())("relayed media", () => {
  describe.each(["stateful", "stateless"])("of a %s proxy", (mode) => {
    let server: Server;
    let alice: Baresip;
    let bob: Baresip;
    const phone = (user: string, password: string, tone: number) =>
      Baresip.start({
        user,
        registers: { server: server.address, domain: "example.com", password },
        says: { tone },
        autoAnswer: true,
      });
    beforeAll(async () => {
      server = await siproc({ host: phoneHost, config: config(mode), mediaPorts: 40 });
      [alice, bob] = await Promise.all([phone("alice", "wonderland", 500), phone("bob", "builder", 900)]);
    });
    afterAll(async () => {
      await Promise.all([alice?.stop(), bob?.stop()]);
      await server?.stop();
    });
    const bothHear = () => until("each other's tone", () => hears(alice) === 900 && hears(bob) === 500);

    test("goes through us alone; is not disturbed by strangers; survives hold; and ends with the call", async () => {
      const [first, last] = server.media;
      const stranger = await bindUdp({ host: "127.0.0.66", port: 0, onPacket: () => void heard++ });
      let heard = 0;
      const seen = await capture("udp and not port 53", [server.port]);
      await alice.dial(bob.uri);
      await alice.event("CALL_ESTABLISHED");
      await bothHear();

      // A square wave of 2 kHz to every port that there is.
      const noise = new Uint8Array(172).map((_, at) => (at % 4 < 2 ? 0x80 : 0x00));
      for (let n = 0; n < 50; n++) {
        noise.set([0x80, 0, 0, n, 0, 0, 0, 0, 6, 6, 6, 6]);
        for (let port = first; port <= last; port++) stranger.send(noise, port, phoneHost);
        await Bun.sleep(20);
      }
      expect([hears(alice), hears(bob)]).toEqual([900, 500]);

      await alice.command("hold");
      await Bun.sleep(1000);
      await alice.command("resume");
      // baresip writes down nothing more after a hold: the packets tell.
      await Bun.sleep(1500);
      const resumed = Date.now() / 1000 - 1;
      await bob.hangup();
      await Promise.all([alice.event("CALL_CLOSED"), bob.event("CALL_CLOSED")]);
      await seen.stop();

      const ours = (port: string) => Number(port) >= first && Number(port) <= last;
      const packets = seen
        .read("rtp && ip.src != 127.0.0.66", ["udp.srcport", "udp.dstport", "frame.time_epoch"])
        .map((line) => line.split("\t"));
      expect(packets.length).toBeGreaterThan(200);
      // Others on this machine may be heard as well: the phones are who exchanges packets with us.
      const relayed = packets.filter(([from = "", to = ""]) => ours(from) !== ours(to));
      const phones = new Set(relayed.map(([from = "", to = ""]) => (ours(from) ? to : from)));
      expect(packets.filter(([from = "", to = ""]) => phones.has(from) && phones.has(to))).toEqual([]);
      // From both phones, and to both.
      const late = relayed.filter(([, , time]) => Number(time) > resumed).map(([from, to]) => `${from} ${to}`);
      const flows = [...new Set(late)].map((flow) => late.filter((other) => other === flow).length);
      expect(flows.filter((count) => count > 25)).toHaveLength(4);
      expect(heard).toBe(0);
      stranger.close();
    });

    test("a call after that finds ports again", async () => {
      const from = alice.events.length;
      await bob.dial(alice.uri);
      await alice.event("CALL_ESTABLISHED", 10_000, from);
      await bothHear();
      await bob.hangup();
      await alice.event("CALL_CLOSED", 10_000, from);
    });
  });
});
