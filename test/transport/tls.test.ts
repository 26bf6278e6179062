import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { createConnection } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { VirtualClock } from "../../src/sip/clock.ts";
import { defaultLimits, type TlsSettings, type TransportLayer } from "../../src/transport/index.ts";
import { Authority, type CertificateOptions } from "../support/certificates.ts";
import { seeded } from "../support/random.ts";
import {
  bounded,
  closeAll,
  garbage,
  octets,
  openLayer,
  peerOf,
  requestText,
  responseText,
  sendFails,
  type TcpPeer,
  tcpPeer,
} from "./support.ts";

const authority = new Authority();
const other = new Authority("Another Authority");
const own = authority.make({ san: "DNS:sip.example.com,IP:127.0.0.1,IP:::1" });

afterEach(closeAll);
afterAll(() => {
  authority.close();
  other.close();
});

const settings = (more: Partial<TlsSettings> = {}): TlsSettings => ({
  ...own,
  ca: authority.ca,
  clients: "none",
  names: [],
  ...more,
});
const listen = ["tls://127.0.0.1:0"];
const tlsVia = "SIP/2.0/TLS 192.0.2.9:5071;branch=z9hG4bKa";
const text = (file: string) => Bun.file(file).text();

/** Waits until the layer has no connection: the end of one whose peer never was anybody is no event. */
async function noneLeft(layer: TransportLayer): Promise<void> {
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const none = async () => {
    while (layer.connections > 0) await turn();
  };
  await bounded(none(), "end of all connections");
}

/** A TLS client of node:tls that trusts anybody. */
async function tlsPeer(port: number, options: ConnectionOptions = {}): Promise<TcpPeer & { tls: TLSSocket }> {
  const tls = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  const peer = peerOf(tls);
  await bounded(new Promise((resolve) => tls.once("secureConnect", resolve)), "handshake");
  return { ...peer, tls };
}

const nameShown = async (port: number, servername?: string) =>
  (await tlsPeer(port, servername === undefined ? {} : { servername })).tls.getPeerCertificate().subject.CN;

describe("SIP over TLS: serving", () => {
  test("a request comes with a flow that answers on its connection", async () => {
    const { layer, messages, port } = await openLayer({ listen, tls: settings() });
    const { tls, until } = await tlsPeer(port("tls"));
    tls.write(requestText({ via: tlsVia }));
    const { message, flow } = await messages.next("request");
    expect(message.callId).toBe("c1");
    expect([flow.transport, flow.reliable]).toEqual(["tls", true]);
    expect(flow.local).toEqual({ host: "127.0.0.1", port: port("tls") });
    expect(layer.viaFor(flow)).toEqual({ transport: "TLS", host: "127.0.0.1", port: port("tls") });
    expect(layer.contactFor(flow)).toBe(`127.0.0.1:${port("tls")};transport=tls`);
    flow.send(octets(responseText()));
    expect(await until("\r\n\r\n")).toBe(responseText());
    tls.write("\r\n\r\n");
    expect(await until("\r\n")).toBe("\r\n");
  });

  test("openssl's client verifies the certificate and is answered", async () => {
    const { messages, closed, port } = await openLayer({ listen, tls: settings() });
    const verify = ["-CAfile", authority.ca, "-verify_return_error", "-verify_hostname", "sip.example.com"];
    const client = Bun.spawn(["openssl", "s_client", "-quiet", "-connect", `127.0.0.1:${port("tls")}`, ...verify], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
    });
    client.stdin.write(requestText({ via: tlsVia }));
    client.stdin.flush();
    const { flow } = await messages.next("request");
    flow.send(octets(responseText()));
    const { value } = await bounded(client.stdout.getReader().read(), "answer");
    expect(new TextDecoder().decode(value)).toBe(responseText());
    client.stdin.end();
    client.kill();
    await client.exited;
    expect((await closed.next("end of the connection")).id).toBe(flow.id);
  });

  test.each([["-tls1"], ["-tls1_1"]])("%s is too old", async (version) => {
    const { layer, port } = await openLayer({ listen, tls: settings() });
    const client = Bun.spawn(
      ["openssl", "s_client", version, "-cipher", "ALL:@SECLEVEL=0", "-connect", `127.0.0.1:${port("tls")}`],
      { stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    );
    expect(await bounded(client.exited, "end of the client")).not.toBe(0);
    expect(await client.stderr.text()).toContain("alert protocol version");
    expect(layer.connections).toBe(0);
  });

  test("a name that a peer asks for gets its own certificate, any other the first", async () => {
    const made = authority.make({ cn: "second", san: "DNS:second.example.com" });
    const names = [{ name: "Second.example.com", ...made }];
    const { port } = await openLayer({ listen, tls: settings({ names }) });
    expect(await nameShown(port("tls"), "second.example.com")).toBe("second");
    expect(await nameShown(port("tls"), "third.example.com")).toBe("test");
    expect(await nameShown(port("tls"))).toBe("test");
  });

  test.each<[TlsSettings["clients"], string, boolean]>([
    ["none", "no certificate", true],
    ["ask", "no certificate", true],
    ["ask", "a good one", true],
    ["ask", "one of another authority", false],
    ["require", "no certificate", false],
    ["require", "a good one", true],
    ["require", "an expired one", false],
    ["require", "one of another authority", false],
  ])("clients: %s, and the client has %s: %p", async (clients, which, admitted) => {
    const names = [{ name: "second.example.com", ...authority.make({ san: "DNS:second.example.com" }) }];
    const { layer, messages, port } = await openLayer({ listen, tls: settings({ clients, names }) });
    const made =
      which === "a good one"
        ? authority.make()
        : which === "an expired one"
          ? authority.make({ to: "20210101000000Z" })
          : which === "no certificate"
            ? undefined
            : other.make();
    const shown = made === undefined ? {} : { cert: await text(made.cert), key: await text(made.key) };
    for (const servername of [undefined, "second.example.com"]) {
      const { tls, ended } = await tlsPeer(port("tls"), {
        ...shown,
        ...(servername === undefined ? {} : { servername }),
      });
      tls.write(requestText({ via: tlsVia }));
      if (admitted) await messages.next("request");
      else await bounded(ended, "refusal");
    }
    expect(layer.connections).toBe(admitted ? 2 : 0);
    expect(messages.items).toEqual([]);
  });

  test("certificates are exchanged while connections are open; what is wrong changes nothing", async () => {
    const { layer, messages, port } = await openLayer({ listen, tls: settings() });
    const early = await tlsPeer(port("tls"));
    const names = [{ name: "second.example.com", ...authority.make({ cn: "second" }) }];
    const fresh = settings({ ...authority.make({ cn: "fresh" }), names });
    layer.reloadTls(fresh);
    expect(await nameShown(port("tls"))).toBe("fresh");
    expect(await nameShown(port("tls"), "second.example.com")).toBe("second");
    expect(() => layer.reloadTls({ ...fresh, cert: own.cert })).toThrow("does not belong to the certificate");
    expect(await nameShown(port("tls"))).toBe("fresh");
    layer.reloadTls(settings());
    expect(await nameShown(port("tls"), "second.example.com")).toBe("test");
    early.tls.write(requestText({ via: tlsVia }));
    (await messages.next("request on the early connection")).flow.send(octets(responseText()));
    expect(await early.until("\r\n\r\n")).toBe(responseText());
  });

  test("files that change are taken over within a minute; half a change is said, and the rest waited for", async () => {
    const clock = new VirtualClock();
    const [cert, key] = [`${authority.folder}/live.pem`, `${authority.folder}/live.key`];
    const put = async (from: string, to: string) => void (await Bun.write(to, Bun.file(from)));
    await Promise.all([put(own.cert, cert), put(own.key, key)]);
    const { log, port } = await openLayer({ listen, tls: settings({ cert, key }), clock });
    const renewed = authority.make({ cn: "renewed" });
    await put(renewed.cert, cert);
    clock.advance(60_000);
    expect(await nameShown(port("tls"))).toBe("test");
    clock.advance(60_000);
    const told = () => log.splice(0).filter((line) => line.includes("certificates"));
    expect(told()).toEqual([expect.stringMatching(/warn.*the former ones stay.*does not belong/)]);
    await put(renewed.key, key);
    clock.advance(60_000);
    expect(await nameShown(port("tls"))).toBe("renewed");
    expect(told()).toEqual([expect.stringContaining("info  certificates have changed")]);
  });

  test("IPv6 is as good as IPv4", async () => {
    const server = await openLayer({ listen: ["tls://[::1]:0"], tls: settings() });
    const client = await openLayer({ listen: [], tls: settings() });
    client.layer.flowTo({ transport: "tls", host: "[::1]", port: server.port("tls") }).send(octets(requestText()));
    const { flow } = await server.messages.next("request");
    expect(server.layer.contactFor(flow)).toBe(`[::1]:${server.port("tls")};transport=tls`);
    flow.send(octets(responseText()));
    expect((await client.messages.next("response")).flow.remote).toEqual({ host: "::1", port: server.port("tls") });
  });

  test("many octets go both ways whole, also to a peer that reads late", async () => {
    const { messages, port } = await openLayer({ listen, tls: settings(), limits: { maxQueued: 64 * 1024 * 1024 } });
    const { tls, until } = await tlsPeer(port("tls"));
    tls.pause();
    let expected = "";
    for (let i = 0; i < 100; i++) {
      const request = requestText({ via: tlsVia, callId: `n${i}`, body: String(i % 10).repeat(60_000) });
      expected += request;
      tls.write(request);
    }
    for (let i = 0; i < 100; i++) {
      const { message, flow } = await messages.next(`message ${i}`);
      expect([message.callId, message.body.length]).toEqual([`n${i}`, 60_000]);
      flow.send(message.bytes());
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(resolve);
    await promise;
    tls.resume();
    tls.write(requestText({ via: tlsVia, callId: "last" }));
    (await messages.next("last request")).flow.send(octets("LAST"));
    expect((await until("LAST")) === `${expected}LAST`).toBe(true);
  });
});

describe("SIP over TLS: connecting", () => {
  const identities: [
    made: CertificateOptions | "other" | "self",
    name: string | undefined,
    refusal: string | undefined,
  ][] = [
    [{ san: "DNS:example.com" }, "example.com", undefined],
    [{ san: "DNS:example.com" }, "EXAMPLE.com", undefined],
    [{ san: "DNS:www.example.com,URI:sip:example.com" }, "example.com", undefined],
    [{ san: "DNS:www.example.com,URI:sip:example.com" }, "www.example.com", "not for www.example.com"],
    [{ san: "URI:sip:alice@example.com" }, "example.com", "not for example.com"],
    [{ san: "URI:https://example.com" }, "example.com", "not for example.com"],
    [{ san: "DNS:*.example.com" }, "sip.example.com", "not for sip.example.com"],
    [{ san: "DNS:example.com" }, "sip.example.com", "not for sip.example.com"],
    [{ cn: "example.com" }, "example.com", undefined],
    [{ cn: "example.com", san: "DNS:sip.example.com" }, "example.com", "not for example.com"],
    [{ san: "IP:127.0.0.1" }, undefined, undefined],
    [{ san: "DNS:127.0.0.1" }, undefined, "not for 127.0.0.1"],
    [{ san: "DNS:example.com", to: "20210101000000Z" }, "example.com", "certificate has expired"],
    [{ san: "DNS:example.com", from: "20480101000000Z" }, "example.com", "certificate is not yet valid"],
    ["other", "example.com", "unable to"],
    ["self", "example.com", "self signed certificate"],
  ];
  test.each(identities)("to a server with %j as %s: refused for %s", async (options, name, refusal) => {
    const made =
      options === "other"
        ? other.make({ san: "DNS:example.com" })
        : options === "self"
          ? authority.make({ selfSigned: true, san: "DNS:example.com" })
          : authority.make(options);
    const server = await openLayer({ listen, tls: settings(made) });
    const client = await openLayer({ listen: [], tls: settings() });
    const target = { transport: "tls", host: "127.0.0.1", port: server.port("tls") } as const;
    const flow = client.layer.flowTo({ ...target, ...(name === undefined ? {} : { serverName: name }) });
    if (refusal === undefined) {
      flow.send(octets(requestText({ via: tlsVia })));
      (await server.messages.next("request")).flow.send(octets(responseText()));
      expect((await client.messages.next("response")).flow.transport).toBe("tls");
      expect(client.layer.connections).toBe(1);
    } else {
      expect(await sendFails(flow, octets(requestText({ via: tlsVia })))).toContain(refusal);
      expect(client.layer.connections).toBe(0);
      expect(server.messages.items).toEqual([]);
    }
  });

  test("a host's name is resolved, asked for, and must be in the certificate", async () => {
    const made = authority.make({ cn: "by name", san: "DNS:sip.example.net" });
    const server = await openLayer({ listen, tls: settings({ names: [{ name: "sip.example.net", ...made }] }) });
    const client = await openLayer({ listen: [], tls: settings(), lookup: async () => ["127.0.0.1"] });
    for (const [host, answered] of [
      ["sip.example.net", true],
      ["sip.example.org", false],
    ] as const) {
      const flow = client.layer.flowTo({ transport: "tls", host, port: server.port("tls") });
      expect([flow.transport, flow.reliable]).toEqual(["tls", true]);
      if (answered) {
        flow.send(octets(requestText({ via: tlsVia })));
        await server.messages.next("request");
      } else expect(await sendFails(flow, octets("x"))).toContain("not for sip.example.org");
    }
  });

  test("a connection is shared by what goes to the same name, not by another name", async () => {
    const made = authority.make({ san: "DNS:a.example.com,DNS:b.example.com" });
    const server = await openLayer({ listen, tls: settings(made) });
    const client = await openLayer({ listen: [], tls: settings() });
    for (const serverName of ["a.example.com", "a.example.com", "b.example.com"]) {
      const flow = client.layer.flowTo({ transport: "tls", host: "127.0.0.1", port: server.port("tls"), serverName });
      flow.send(octets(requestText({ via: tlsVia })));
      await server.messages.next("request");
    }
    expect(server.layer.connections).toBe(2);
  });

  test("without certificates of our own connections can be opened, but nobody unknown is trusted", async () => {
    const server = await openLayer({ listen, tls: settings() });
    const client = await openLayer({ listen: [] });
    const flow = client.layer.flowTo({ transport: "tls", host: "127.0.0.1", port: server.port("tls") });
    expect(await sendFails(flow, octets("x"))).toContain("the TLS handshake failed");
  });

  test("a server that shakes no hands is given up after 4 s", async () => {
    const clock = new VirtualClock();
    const silent = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data() {}, open: () => connected.resolve() },
    });
    const connected = Promise.withResolvers<void>();
    const { layer } = await openLayer({ listen: [], clock });
    const failure = sendFails(layer.flowTo({ transport: "tls", host: "127.0.0.1", port: silent.port }), octets("x"));
    await bounded(connected.promise, "connection");
    clock.advance(defaultLimits.connectTimeout);
    expect(await failure).toBe("connecting timed out");
    expect(layer.connections).toBe(0);
    expect(clock.pending).toBe(0);
    silent.stop(true);
  });
});

describe("SIP over TLS: strangers", () => {
  test("plain SIP and garbage end the connection at once, and are nobody's message", async () => {
    const { layer, messages, failures, closed, port } = await openLayer({ listen, tls: settings() });
    const random = seeded(11);
    const texts = [octets(requestText()), ...Array.from({ length: 60 }, () => garbage(random, requestText()))];
    for (const bytes of texts) {
      const peer = await tcpPeer(port("tls"));
      peer.socket.end(bytes);
      await bounded(peer.ended, "end of the connection");
    }
    await noneLeft(layer);
    expect([messages.items, failures.items, closed.items]).toEqual([[], [], []]);
  });

  test("who does not get done with the handshake in 10 s is cut off, however it drips", async () => {
    const clock = new VirtualClock();
    const accepted = Promise.withResolvers<void>();
    let waiting = 20;
    const { layer, closed, port } = await openLayer({
      listen,
      tls: settings(),
      clock,
      admit: () => {
        if (--waiting === 0) accepted.resolve();
        return true;
      },
    });
    const peers = await Promise.all(Array.from({ length: 20 }, () => tcpPeer(port("tls"))));
    for (const [at, peer] of peers.entries()) if (at % 2 === 0) peer.socket.write(Uint8Array.of(22, 3, 1, 2));
    await bounded(accepted.promise, "connections");
    clock.advance(defaultLimits.handshakeTimeout - 1);
    expect(layer.connections).toBe(20);
    clock.advance(1);
    expect(layer.connections).toBe(0);
    await bounded(Promise.all(peers.map(({ ended }) => ended)), "end of the connections");
    await layer.close();
    expect([closed.items, clock.pending]).toEqual([[], 0]);
  });

  test("a hundred connections that break off leave nothing behind, and others are served meanwhile", async () => {
    const { layer, messages, closed, port } = await openLayer({ listen, tls: settings() });
    const flood = Array.from({ length: 100 }, async (_, i) => {
      const socket = createConnection({ port: port("tls"), host: "127.0.0.1" });
      const { ended } = peerOf(socket);
      await new Promise((resolve) => socket.once("connect", resolve));
      if (i % 3 > 0) socket.write(Uint8Array.of(22, 3, 1, 0, 200, 1));
      if (i % 2 === 0) socket.resetAndDestroy();
      else socket.end();
      await ended;
    });
    const peer = await tlsPeer(port("tls"));
    peer.tls.write(requestText({ via: tlsVia }));
    (await messages.next("request")).flow.send(octets(responseText()));
    await peer.until("\r\n\r\n");
    await bounded(Promise.all(flood), "end of the flood");
    peer.tls.destroy();
    await closed.next("end of the good connection");
    await noneLeft(layer);
    expect(closed.items).toEqual([]);
  });
});
