/** From a URI to the questions that RFC 3263 §4.1 and §4.2 ask, with RFC 5922 and RFC 7118; against a DNS in a table. */
import { describe, expect, test } from "bun:test";
import { naptr, srv, type Zone } from "../../support/dns.ts";
import { ResolverBench, www } from "../../support/resolving.ts";

describe("an address in the URI needs no DNS", () => {
  const rows: [string, string][] = [
    ["sip:bob@192.0.2.9", "udp 192.0.2.9 5060"],
    ["sip:bob@192.0.2.9:5070", "udp 192.0.2.9 5070"],
    ["sip:bob@192.0.2.9;transport=tcp", "tcp 192.0.2.9 5060"],
    ["sip:bob@192.0.2.9;transport=TLS", "tls 192.0.2.9 5061"],
    ["sips:bob@192.0.2.9", "tls 192.0.2.9 5061"],
    ["sips:bob@192.0.2.9;transport=tcp", "tls 192.0.2.9 5061"],
    ["sip:bob@192.0.2.9;transport=ws", "ws 192.0.2.9 80"],
    ["sips:bob@192.0.2.9;transport=ws", "wss 192.0.2.9 443"],
    ["sip:bob@example.com;maddr=192.0.2.8", "udp 192.0.2.8 5060"],
    ["sip:bob@[2001:DB8::0:1]", "udp 2001:db8::1 5060"],
    ["sips:bob@example.com;maddr=192.0.2.8", "tls 192.0.2.8 5061 for example.com"],
  ];
  test.each(rows)("%s", (uri, hop) => {
    const bench = new ResolverBench({}, { serves: () => true });
    expect(bench.resolve(uri).now).toEqual([hop]);
    expect(bench.dns.asked).toEqual([]);
  });

  const refused: [string, string][] = [
    ["sips:bob@192.0.2.9;transport=udp", "no sips: URI can be reached by transport=udp"],
    ["sip:bob@192.0.2.9;transport=sctp", "no transport is known by transport=sctp"],
    ["sip:bob@[2001:db8::1]", "nothing can be sent by UDP over IPv6"],
    ["sip:bob@example.com;maddr=a%20b", "its maddr is neither a name nor an address"],
  ];
  test.each(refused)("%s cannot be reached", (uri, reason) => {
    expect(new ResolverBench().resolve(uri).now).toBe(reason);
  });

  test("goes by TCP where that is all we speak", () => {
    const bench = new ResolverBench({}, { serves: (transport) => transport === "tcp" });
    expect(bench.resolve("sip:bob@192.0.2.9").now).toEqual(["tcp 192.0.2.9 5060"]);
  });
});

describe("a name is asked for", () => {
  const rows: [what: string, uri: string, zone: Zone, expected: string[] | string, asked: string[]][] = [
    [
      "by its address alone when the URI has a port",
      "sip:bob@www.example.com:5070",
      www,
      ["udp 192.0.2.1 5070"],
      ["A www.example.com"],
    ],
    [
      "by SRV alone when the URI has a transport",
      "sip:bob@example.com;transport=tcp",
      { ...www, "SRV _sip._tcp.example.com": [srv("www.example.com", 5080)] },
      ["tcp 192.0.2.1 5080"],
      ["SRV _sip._tcp.example.com", "A www.example.com"],
    ],
    [
      "by NAPTR, whose replacement is followed",
      "sip:bob@example.com",
      {
        ...www,
        "NAPTR example.com": [naptr("SIP+D2T", "t.example.net", 20), naptr("SIP+D2U", "u.example.net", 10)],
        "SRV u.example.net": [srv("www.example.com", 5090)],
        "SRV t.example.net": [srv("www.example.com", 5091)],
      },
      ["udp 192.0.2.1 5090"],
      ["NAPTR example.com", "SRV u.example.net", "A www.example.com"],
    ],
    [
      "by NAPTR records of one order in turn, by preference",
      "sip:bob@example.com",
      {
        ...www,
        "NAPTR example.com": [naptr("SIP+D2T", "t.example.net", 10, 5), naptr("SIP+D2U", "u.example.net", 10, 50)],
        "SRV u.example.net": [srv("www.example.com", 5090)],
        "SRV t.example.net": [srv("backup.example.com", 5091)],
      },
      ["tcp 192.0.2.2 5091", "udp 192.0.2.1 5090"],
      ["NAPTR example.com", "SRV t.example.net", "SRV u.example.net", "A backup.example.com", "A www.example.com"],
    ],
    [
      "with TLS alone for sips, whatever NAPTR prefers, and with the domain's name in the certificate",
      "sips:bob@example.com",
      {
        ...www,
        "NAPTR example.com": [naptr("SIP+D2U", "u.example.net", 1), naptr("SIPS+D2T", "s.example.net", 20)],
        "SRV s.example.net": [srv("www.example.com", 5061)],
      },
      ["tls 192.0.2.1 5061 for example.com"],
      ["NAPTR example.com", "SRV s.example.net", "A www.example.com"],
    ],
    [
      "for SRV of each transport when there is no NAPTR",
      "sip:bob@example.com",
      {
        ...www,
        "SRV _sips._tcp.example.com": [srv("www.example.com", 5061)],
        "SRV _sip._tcp.example.com": [srv("backup.example.com", 5060)],
      },
      ["tcp 192.0.2.2 5060", "tls 192.0.2.1 5061 for example.com"],
      [
        "NAPTR example.com",
        "SRV _sip._udp.example.com",
        "SRV _sip._tcp.example.com",
        "SRV _sips._tcp.example.com",
        "A backup.example.com",
        "A www.example.com",
      ],
    ],
    [
      "by its address at last, at the default port",
      "sip:bob@www.example.com",
      www,
      ["udp 192.0.2.1 5060"],
      [
        "NAPTR www.example.com",
        "SRV _sip._udp.www.example.com",
        "SRV _sip._tcp.www.example.com",
        "SRV _sips._tcp.www.example.com",
        "A www.example.com",
      ],
    ],
    [
      "by its address at last, for sips at 5061",
      "sips:bob@www.example.com",
      www,
      ["tls 192.0.2.1 5061 for www.example.com"],
      ["NAPTR www.example.com", "SRV _sips._tcp.www.example.com", "A www.example.com"],
    ],
    [
      "though NAPTR fails: there are servers that know no such thing",
      "sip:bob@example.com",
      {
        ...www,
        "NAPTR example.com": "failed",
        "SRV _sip._udp.example.com": [srv("www.example.com", 5070)],
      },
      ["udp 192.0.2.1 5070"],
      [
        "NAPTR example.com",
        "SRV _sip._udp.example.com",
        "SRV _sip._tcp.example.com",
        "SRV _sips._tcp.example.com",
        "A www.example.com",
      ],
    ],
    [
      "by NAPTR for WebSocket (RFC 7118) only where that is served",
      "sip:bob@example.com",
      {
        ...www,
        "NAPTR example.com": [naptr("SIP+D2X", "x.example.net", 1), naptr("SIPS+D2W", "w.example.net", 2)],
        "SRV w.example.net": [srv("www.example.com", 8443)],
      },
      ["wss 192.0.2.1 8443 for example.com"],
      ["NAPTR example.com", "SRV w.example.net", "A www.example.com"],
    ],
    [
      "in lower case, without a final dot",
      "sip:bob@WWW.Example.com.:5070",
      www,
      ["udp 192.0.2.1 5070"],
      ["A www.example.com"],
    ],
    [
      "by its maddr, while the certificate is the domain's",
      "sips:bob@example.com;maddr=www.example.com",
      www,
      ["tls 192.0.2.1 5061 for example.com"],
      ["NAPTR www.example.com", "SRV _sips._tcp.www.example.com", "A www.example.com"],
    ],
  ];
  test.each(rows)("%s", (_, uri, zone, expected, asked) => {
    const bench = new ResolverBench(zone);
    expect(bench.resolve(uri).now).toEqual(expected);
    expect(bench.dns.asked).toEqual(asked);
  });

  test("by NAPTR without an s flag, or with a transport that is not served, in vain", () => {
    const terminal = { ...naptr("SIP+D2U", "u.example.net"), flags: "u" } as const;
    const bench = new ResolverBench(
      { ...www, "NAPTR www.example.com": [terminal, naptr("SIP+D2T", "t.example.net")] },
      { serves: (transport, family) => transport === "udp" && family === 4 },
    );
    expect(bench.resolve("sip:bob@www.example.com").now).toEqual(["udp 192.0.2.1 5060"]);
  });
});
