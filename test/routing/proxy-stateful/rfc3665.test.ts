/** The second proxy of RFC 3665's call flows: it is given what the RFC gives it, and sends what the RFC says it sends. */
import { expect, test } from "bun:test";
import { Request, type Response } from "../../../src/sip/message.ts";
import { dataBytes, dataJson } from "../../support/data.ts";
import { parsed } from "../../support/fake-flow.ts";
import { hostOf, type PeerFlow, ProxyBench } from "./bench.ts";

interface Message {
  label: number;
  file: string;
  from: string;
  to: string;
}

function messagesOf(section: string): Message[] {
  const manifest = dataJson("rfc-flows", "manifest.json");
  if (!Array.isArray(manifest)) throw new TypeError("the manifest is no list");
  return manifest
    .filter((each) => each.rfc === 3665 && each.section === section)
    .map((each): Message => {
      const [, from = "", to = ""] = /(Alice|Bob|Proxy \d|SIP ALG) -> (.+)$/.exec(String(each.title)) ?? [];
      return { label: Number(String(each.label).slice(1)), file: String(each.file), from, to };
    });
}

/** `INVITE`, or `180 INVITE`. */
function kind(message: Request | Response): string {
  return message instanceof Request ? message.method : `${message.status} ${message.cseq.method}`;
}

const hop = (host: string) => [{ transport: "udp" as const, host, port: 5060 }];

/** All that came to each peer since it was asked last, but for what is on its own way to be answered. */
function take(flows: readonly [name: string, flow: PeerFlow][], sent: string[]): void {
  for (const [name, flow] of flows)
    for (const message of flow.takeMessages()) {
      if (message instanceof Request) flow.requests.set(message.method, message);
      sent.push(`${kind(message)} -> ${name}`);
    }
}

test.each([
  ["3.2", 5, "Proxy 1"],
  ["3.4", 11, "Alice"],
  ["3.7", 1, "Alice"],
  ["3.8", 2, "Proxy 1"],
  ["3.9", 2, "Proxy 1"],
  ["3.11", 2, "Proxy 1"],
])("section %s, from F%d on", (section, first, upstream) => {
  const bench = new ProxyBench({
    targets: [{ uri: "sip:bob@client.biloxi.example.com" }],
    forward: { recordRoute: section !== "3.7" },
  });
  bench.names.set("client.biloxi.example.com", hop(hostOf("b")));
  for (const host of ["ss1.atlanta.example.com", "client.atlanta.example.com"]) bench.names.set(host, hop("192.0.2.9"));
  const bob = bench.phone("b");
  const flows: [string, PeerFlow][] = [
    [upstream, bench.caller],
    ["Bob", bob],
  ];
  const sent: string[] = [];
  const expected: string[] = [];
  for (const { label, file, from, to } of messagesOf(section)) {
    const octets = Buffer.from(dataBytes("rfc-flows", file)).toString("latin1");
    if (label < first) continue;
    if (from === "Proxy 2") expected.push(`${kind(parsed(octets))} -> ${to}`);
    if (to !== "Proxy 2") continue;
    const source = from === "Bob" ? bob : bench.caller;
    const message = parsed(octets);
    // What carries what the proxy itself has made must carry what this one made: its Record-Route, its Via.
    const ours = bob.requests.get("INVITE")?.header("record-route") ?? "";
    if (message instanceof Request) bench.receive(octets.replace("<sip:ss2.biloxi.example.com;lr>", ours), source);
    else {
      const request = source.requests.get(message.cseq.method);
      if (request === undefined) throw new TypeError(`${file} answers nothing that was sent`);
      bench.receive(bench.responseTo(request, message.status, "", message.to.tag ?? ""), source);
    }
    take(flows, sent);
  }
  expect(sent.sort()).toEqual(expected.sort());
});
