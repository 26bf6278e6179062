/** ICE agents in virtual time: with each other over paths that exist or not, and with strangers. */
import { describe, expect, test } from "bun:test";
import { IceAgent, type IceSettings } from "../../../src/media/ice/agent.ts";
import { readCandidate } from "../../../src/media/ice/candidate.ts";
import { writeCheck } from "../../../src/media/ice/stun.ts";
import { VirtualClock } from "../../../src/sip/clock.ts";

const credentials = (name: string) => ({ ufrag: `${name}Frag`, pwd: `${name}PasswordOf22Chars0` });
const [a, b] = [credentials("a"), credentials("b")];

interface Host {
  agent: IceAgent;
  /** Addresses that it was found at, in their order. */
  selections: string[];
  lost: string | undefined;
  sent: { packet: Uint8Array; to: string }[];
}

/** A network of hosts, each at one address, whose packets take 10 ms. `translate` is what a NAT does to a source. */
function network(translate: (from: string, to: string) => string | undefined = (from) => from) {
  const clock = new VirtualClock();
  const hosts = new Map<string, Host>();
  const add = (address: string) => {
    const [host = "", port = ""] = address.split(" ");
    const made: Host = {
      selections: [],
      lost: undefined,
      sent: [],
      agent: new IceAgent(clock, {
        send: (packet, toPort, toHost) => {
          const to = `${toHost} ${toPort}`;
          made.sent.push({ packet: packet.slice(), to });
          const seen = translate(`${host} ${port}`, to);
          if (seen === undefined) return;
          const [seenHost = "", seenPort = ""] = seen.split(" ");
          clock.after(10, () =>
            (hosts.get(to) ?? hosts.get(behind.get(to) ?? ""))?.agent.receive(packet, Number(seenPort), seenHost),
          );
        },
        selected: () => made.selections.push(`${made.agent.selected?.host} ${made.agent.selected?.port}`),
        lost: (reason) => {
          made.lost = reason;
        },
      }),
    };
    hosts.set(address, made);
    return made;
  };
  /** Outer addresses of NATs, and who is behind each. */
  const behind = new Map<string, string>();
  return { clock, add, behind, hosts };
}

const candidate = (address: string, priority = 2_130_706_431) => {
  const [host, port] = address.split(" ");
  return `1 1 udp ${priority} ${host} ${port} typ host`;
};
const settings = (mine: typeof a, peer: typeof a, more: Partial<IceSettings> = {}): IceSettings => ({
  local: mine,
  remote: peer,
  candidates: [],
  ipv6: false,
  lite: false,
  controlling: false,
  ...more,
});

const server = "203.0.113.1 10000";
const browser = "198.51.100.2 20000";

describe("two agents find each other", () => {
  test("when both are full and know each other's candidates", () => {
    const { clock, add } = network();
    const [one, other] = [add(server), add(browser)];
    one.agent.configure(settings(a, b, { candidates: [candidate(browser)] }));
    other.agent.configure(settings(b, a, { candidates: [candidate(server)], controlling: true }));
    clock.advance(200);
    expect(one.selections).toEqual([browser]);
    expect(other.selections).toEqual([server]);
  });

  test("when one is lite, and the other comes through a NAT that nobody knew of", () => {
    const outside = "192.0.2.9 40000";
    const { clock, add, behind } = network((from) => (from === browser ? outside : from));
    behind.set(outside, browser);
    const [one, other] = [add(server), add(browser)];
    one.agent.configure(settings(a, b, { lite: true, candidates: [candidate("10.0.0.7 5000")] }));
    other.agent.configure(settings(b, a, { candidates: [candidate(server)], controlling: true }));
    clock.advance(200);
    expect(one.selections).toEqual([outside]);
    expect(other.selections).toEqual([server]);
    // Lite: answers alone.
    expect(one.sent.every(({ to }) => to === outside)).toBe(true);
  });

  test("when the first candidates lead nowhere", () => {
    const { clock, add } = network();
    const [one, other] = [add(server), add(browser)];
    const dead = ["10.0.0.7 1", "10.0.0.8 2", "10.0.0.9 3"].map((address) => candidate(address));
    one.agent.configure(settings(a, b, { candidates: [...dead, candidate(browser, 1)] }));
    other.agent.configure(settings(b, a, { candidates: [...dead, candidate(server, 1)], controlling: true }));
    clock.advance(1000);
    expect(one.selections).toEqual([browser]);
    expect(other.selections).toEqual([server]);
  });

  test.each([true, false])("when both think that they nominate, or none (%p)", (controlling) => {
    const { clock, add } = network();
    const [one, other] = [add(server), add(browser)];
    one.agent.configure(settings(a, b, { candidates: [candidate(browser)], controlling }));
    other.agent.configure(settings(b, a, { candidates: [candidate(server)], controlling }));
    clock.advance(3000);
    expect(one.selections).toEqual([browser]);
    expect(other.selections).toEqual([server]);
  });

  test("anew when ICE is restarted, and go on meanwhile", () => {
    const { clock, add, hosts } = network();
    const [one, other] = [add(server), add(browser)];
    one.agent.configure(settings(a, b, { lite: true }));
    other.agent.configure(settings(b, a, { candidates: [candidate(server)], controlling: true }));
    clock.advance(200);
    const [a2, b2] = [credentials("a2"), credentials("b2")];
    // The browser is in another network.
    hosts.delete(browser);
    const moved = add("198.51.100.77 30000");
    one.agent.configure(settings(a2, b2, { lite: true }));
    expect(one.agent.selected).toMatchObject({ port: 20000 });
    moved.agent.configure(settings(b2, a2, { candidates: [candidate(server)], controlling: true }));
    clock.advance(200);
    expect(one.selections).toEqual([browser, "198.51.100.77 30000"]);
  });
});

describe("a peer that restarts ICE, and goes on with our credentials of before, as Chromium may", () => {
  test.each([true, false])("is found at its new address, and stays (lite: %p)", (lite) => {
    const { clock, add, hosts } = network();
    const [one, other] = [add(server), add(browser)];
    one.agent.configure(settings(a, b, { lite, candidates: [candidate(browser)] }));
    other.agent.configure(settings(b, a, { candidates: [candidate(server)], controlling: true }));
    clock.advance(200);
    const [a2, b2] = [credentials("a2"), credentials("b2")];
    other.agent.close();
    hosts.delete(browser);
    const moved = add("198.51.100.77 30000");
    one.agent.configure(settings(a2, b2, { lite, candidates: [candidate("198.51.100.77 30000")] }));
    moved.agent.configure(settings(b2, a, { candidates: [candidate(server)], controlling: true }));
    clock.advance(1000);
    expect(one.selections).toEqual([browser, "198.51.100.77 30000"]);
    clock.advance(300_000);
    expect(one.lost).toBeUndefined();
  });
});

describe("consent", () => {
  test.each([true, false])("lasts as long as the peer is there, and 30 s (lite: %p)", (lite) => {
    const { clock, add, hosts } = network();
    const [one, other] = [add(server), add(browser)];
    one.agent.configure(settings(a, b, { lite, candidates: [candidate(browser)] }));
    other.agent.configure(settings(b, a, { candidates: [candidate(server)], controlling: true }));
    clock.advance(300_000);
    expect([one.lost, other.lost]).toEqual([undefined, undefined]);
    hosts.delete(browser);
    other.agent.close();
    clock.advance(25_000);
    expect(one.lost).toBeUndefined();
    clock.advance(20_000);
    expect(one.lost).toBe("the peer no longer answers");
    expect(clock.pending).toBe(0);
    const { length } = one.sent;
    clock.advance(60_000);
    expect(one.sent.length).toBe(length);
  });

  test("is given up when nobody comes", () => {
    const { clock, add } = network();
    const one = add(server);
    one.agent.configure(settings(a, b, { candidates: [candidate(browser)] }));
    clock.advance(60_000);
    expect(one.lost).toBe("the peer was not reached");
    // Nine checks of one candidate, whoever was named as such.
    expect(one.sent.length).toBeLessThanOrEqual(9);
    expect(clock.pending).toBe(0);
  });
});

describe("strangers", () => {
  const check = (username: string, pwd: string) =>
    writeCheck({
      transaction: crypto.getRandomValues(new Uint8Array(12)),
      username,
      password: pwd,
      priority: 1,
      controlling: true,
      tieBreaker: 2n ** 63n,
      nominates: true,
    });

  test("get no answer and change nothing, as long as they do not know the password", () => {
    const { clock, add } = network();
    const one = add(server);
    one.agent.configure(settings(a, b, { lite: true }));
    for (const packet of [check(`${a.ufrag}:${b.ufrag}`, b.pwd), check("other:other", a.pwd), check("", "")])
      one.agent.receive(packet, 666, "192.0.2.66");
    clock.advance(100);
    expect(one.sent).toEqual([]);
    expect(one.agent.selected).toBeUndefined();
    expect(one.agent.isProven("192.0.2.66", 666)).toBe(false);
  });

  test("cannot take an answer's part: it comes from where the check went, with the peer's password", () => {
    const { clock, add } = network(() => undefined);
    const one = add(server);
    one.agent.configure(settings(a, b, { candidates: [candidate(browser)], controlling: true }));
    clock.advance(10);
    const [first] = one.sent;
    const forged = Buffer.from(first?.packet ?? []);
    forged.writeUInt16BE(0x0101, 0);
    one.agent.receive(forged, 20000, "198.51.100.2");
    one.agent.receive(forged, 666, "192.0.2.66");
    expect(one.agent.selected).toBeUndefined();
  });

  test("who do know it fill no memory: addresses are counted", () => {
    const { clock, add } = network();
    const one = add(server);
    one.agent.configure(settings(a, b));
    for (let n = 0; n < 2000; n++)
      one.agent.receive(check(`${a.ufrag}:${b.ufrag}`, a.pwd), 1024 + n, `198.51.100.${n % 250}`);
    const proven = Array.from({ length: 2000 }, (_, n) => one.agent.isProven(`198.51.100.${n % 250}`, 1024 + n));
    expect(proven.filter(Boolean).length).toBeLessThanOrEqual(33);
    clock.advance(60_000);
    expect(clock.pending).toBe(0);
  });
});

describe("a candidate", () => {
  test.each([
    ["1 1 udp 2130706431 198.51.100.2 20000 typ host generation 0", "198.51.100.2"],
    ["candidate:1 1 UDP 1694498815 192.0.2.9 40000 typ srflx raddr 0.0.0.0 rport 0", "192.0.2.9"],
    ["1 1 udp 2113937151 6f8a1c9e-1111-4222-8333-944455566677.local 5000 typ host", undefined],
    ["1 1 tcp 1518280447 198.51.100.2 9 typ host tcptype active", undefined],
    ["1 2 udp 2130706430 198.51.100.2 20001 typ host", undefined],
    ["1 1 udp 2130706431 2001:db8::2 20000 typ host", undefined],
    ["1 1 udp 2130706431 224.0.0.1 20000 typ host", undefined],
    ["1 1 udp 2130706431 255.255.255.255 20000 typ host", undefined],
    ["1 1 udp 2130706431 198.51.100.2 0 typ host", undefined],
    ["1 1 udp 2130706431 198.51.100.2 99999 typ host", undefined],
    ["nonsense", undefined],
    ["", undefined],
  ])("%s is %p", (line, host) => {
    expect(readCandidate(line, false)?.host).toBe(host);
  });
});
