/**
 * R1: the messages of RFCs, of attacks and of other projects' tests through both proxies and to the registrar. What is
 * malformed is answered as its syntax asks, what is well-formed is forwarded or refused for a reason; nothing is a fault.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { checkRequest, parseMessage, Request } from "../../src/sip/message.ts";
import { dataBytes, dataPath } from "../support/data.ts";
import { overTcp, renewed } from "../support/exchange.ts";
import { Peer } from "../support/peer.ts";
import { openSite, stopSites } from "../support/site.ts";
import { UdpPeer } from "../support/udp-peer.ts";
import { verdict } from "../support/verdict.ts";

const folders: readonly [folder: string, pattern: RegExp][] = [
  ["rfc4475/messages", /./],
  ["rfc5118/crlf_fixed", /./],
  ["advisories/messages", /\.sip$/],
  ["vendor-excerpts", /\.sip$/],
  ["kamailio/sip", /./],
  ["osip/res", /^sip-?[a-z]*\d+$/],
  ["sofia-sip/sip", /./],
  ["resiprocate/sip", /./],
  ["rfc-flows/rfc3261", /\.sip$/],
  ["rfc-flows/rfc3665", /\.sip$/],
  ["pjproject/literals/sip", /./],
];

const files = folders.flatMap(([folder, pattern]) =>
  readdirSync(dataPath(folder), { withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map(({ name }) => `${folder}/${name}`)
    .sort(),
);

/** What may be said of a request that can be read, besides what its target says. */
const refusals = [400, 403, 405, 415, 416, 420, 423, 440, 480, 481, 482, 483, 484, 488, 489, 500, 501, 503, 505];

afterAll(stopSites);

describe.each([
  ["a stateless proxy", (to: string) => `routes: [{ proxy: "${to}", mode: stateless }]`],
  [
    "a stateless proxy that rewrites contacts",
    (to: string) => `routes: [{ proxy: "${to}", mode: stateless, rewrite_contact: force }]`,
  ],
  ["a stateful proxy", (to: string) => `routes: [{ proxy: "${to}" }]`],
  ["a relaying proxy", (to: string) => `routes: [{ proxy: "${to}", nat: relay }]`],
  ["a registrar and its location", () => "registrar: { open: true }\nroutes: [{ location: true }]"],
])("%s", (_, yaml) => {
  test.each(["udp", "tcp"] as const)("answers or forwards what comes over %s", async (transport) => {
    const first = await Peer.open(9, "udp", { host: "127.0.0.51" });
    const { port } = first;
    first.close();
    const site = await openSite(`${yaml(`sip:127.0.0.51:${port}`)}\nlimits: { requests_per_source: 0 }`);
    const target = await Peer.open(site.port.udp, "udp", { host: "127.0.0.51", port });
    target.onRequest = (request) => {
      if (request.method !== "ACK") target.reply(request, 404);
    };
    const peer = await UdpPeer.open(site.port.udp, "127.0.0.52");
    let answered = 0;
    const check = (file: string, octets: Uint8Array, status: number) => {
      if (status < 200) return;
      answered++;
      const wanted = verdict(octets);
      const fine = wanted === "accept" || wanted === "drop" ? [200, 404, ...refusals] : [Number(wanted), 400];
      expect({ file, status: fine.includes(status) ? "fine" : status }).toEqual({ file, status: "fine" });
    };
    const sent = new Map<string | undefined, [file: string, octets: Uint8Array]>();
    for (const [at, file] of files.entries()) {
      const octets = renewed(dataBytes(...file.split("/")), `${transport}${at}`);
      if (transport === "tcp") {
        const { statuses } = await overTcp(peer, site.port.tcp, octets);
        for (const status of statuses) check(file, octets, status);
      } else if (octets.length < 65_000) {
        const asking = askingForRport(octets);
        sent.set(callIdOf(asking), [file, asking]);
        peer.send(asking);
        await peer.probe();
      }
    }
    for (const response of peer.responses) {
      const [file, octets] = sent.get(response.header("call-id")) ?? [];
      if (file !== undefined && octets !== undefined) check(file, octets, response.status);
    }
    expect({ faults: site.faults, answered: answered > 100 }).toEqual({ faults: [], answered: true });
    for (const { bytes } of target.requests.map((each) => ({ bytes: each.bytes() }))) {
      const again = parseMessage(bytes, "datagram");
      expect(again instanceof Request && checkRequest(again)).toBeUndefined();
    }
    await site.stop();
  });
});

function callIdOf(octets: Uint8Array): string | undefined {
  const message = parseMessage(octets, "datagram");
  return (message.type === "failure" ? message.request : message)?.header("call-id");
}

/** Its Via may name any place; the answers are to come here. */
function askingForRport(octets: Uint8Array): Uint8Array {
  const text = Buffer.from(octets).toString("latin1");
  const via = /^(?:via|v)[ \t]*:[^,\r\n]*/im.exec(text);
  if (via === null || /;[ \t]*rport/i.test(via[0])) return octets;
  const end = via.index + via[0].length;
  return Buffer.from(`${text.slice(0, end)};rport${text.slice(end)}`, "latin1");
}
