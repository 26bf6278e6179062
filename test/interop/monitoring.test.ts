/** What operators watch a server by, as their own tools see it: metrics, `siproc top`, logs in files and at a syslog daemon. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Peer } from "../support/peer.ts";
import { has } from "../support/peers/available.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { freePort } from "../support/peers/ports.ts";
import { sipp } from "../support/peers/sipp.ts";
import { binary, type Server, siproc } from "../support/peers/siproc.ts";
import { Tmux } from "../support/peers/tmux.ts";
import { until } from "../support/peers/until.ts";

const secrets = { password: "correct-horse-battery", key: "control-key-of-a-test", keys: "7*7#" };

describe.skipIf(!has("sipp", "promtool", "tmux", "tshark"))("a server that is watched", () => {
  let server: Server;
  let api: string;
  const syslog: Buffer[] = [];
  let daemon: Awaited<ReturnType<typeof syslogDaemon>>;

  beforeAll(async () => {
    daemon = await syslogDaemon(syslog);
    const port = await freePort();
    api = `http://127.0.0.1:${port}`;
    server = await siproc({
      config: `domains: [example.com, 127.0.0.1]
accounts: [{ user: alice, password: "\${PASSWORD}" }]
control: { listen: "127.0.0.1:${port}", keys: ["\${KEY}"] }
routes:
  - { to: "keys@*", exec: [./keys.sh] }
  - { to: "busy@*", exec: [./busy.sh] }
log: { level: debug, format: json, to: [stderr, log.json, "syslog://127.0.0.1:${daemon.port}"] }`,
      env: { PASSWORD: secrets.password, KEY: secrets.key },
      files: {
        "keys.sh": `#!/bin/sh\necho ANSWER\nread -r event\necho 'DTMF ${secrets.keys}'\nwhile read -r event; do :; done\n`,
        "busy.sh": "#!/bin/sh\necho 'REJECT 486'\nread -r event\n",
      },
    });
    const phone = await Peer.open(server.port, "udp", { user: "alice", password: secrets.password });
    expect((await phone.register()).status).toBe(200);
    expect((await phone.ask("REGISTER", { headers: [["Authorization", "Digest nonce=x"]] })).status).toBe(401);
    const answered = sipp({ scenario: "uac-call", service: "keys", remote: server.address, calls: 3 });
    const rejected = sipp({
      ...{ scenario: "uac-rejected", service: "busy", remote: server.address },
      values: { status: "486" },
    });
    await Promise.all([answered, rejected]);
    const ends = () => server.program.lines.filter((line) => line.includes("the call has ended"));
    await until("ends", () => ends().length === 4);
    phone.close();
  }, 40_000);
  afterAll(async () => {
    await server.stop();
    daemon.close();
  });

  const ask = (path: string, key: string | undefined = secrets.key) =>
    fetch(`${api}${path}`, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } });

  describe("Prometheus", () => {
    test("finds nothing to complain of in its metrics", async () => {
      const sent = () => Number(/^siproc_rtp_packets_total\{direction="sent"\} (\d+)$/m.exec(metrics)?.[1]);
      let metrics = await (await ask("/metrics")).text();
      // What a call has sent is counted by the thread of media, which tells it a moment after the call.
      for (let tries = 0; sent() === 0 && tries < 50; tries++) {
        await Bun.sleep(200);
        metrics = await (await ask("/metrics")).text();
      }
      const check = Bun.spawnSync(["promtool", "check", "metrics"], { stdin: Buffer.from(metrics) });
      expect(`${check.stdout}${check.stderr}`).toBe("");
      expect(check.exitCode).toBe(0);
      expect(metrics).toContain('siproc_calls_answered_total{direction="incoming"} 3\n');
      expect(metrics).toContain('siproc_sip_answers_total{method="INVITE",code="486"} 1\n');
      expect(metrics).toContain("siproc_handler_seconds_count 4\n");
      expect(sent()).toBeGreaterThan(0);
    });

    test("gets nothing without a key", async () => {
      expect((await fetch(`${api}/metrics`)).status).toBe(401);
    });

    test("is configured as docs/monitoring.md says", () => {
      const text = readFileSync(join(import.meta.dir, "../../docs/monitoring.md"), "utf8");
      // The file of the key is on the reader's machine.
      const [, config = ""] = /```\n(scrape_configs:[\s\S]*?)```/.exec(text) ?? [];
      const [, rules = ""] = /```\n(groups:[\s\S]*?)```/.exec(text) ?? [];
      const folder = temporaryFolder("prometheus", {
        "prometheus.yml": config.replace("/etc/prometheus/siproc.key", "key"),
        "rules.yml": rules,
        key: "x",
      });
      for (const command of [
        ["config", "prometheus.yml"],
        ["rules", "rules.yml"],
      ]) {
        const check = Bun.spawnSync(["promtool", "check", ...command], { cwd: folder });
        expect(`${check.stdout}${check.stderr}`).toContain("SUCCESS");
        expect(check.exitCode).toBe(0);
      }
    });
  });

  describe("siproc top", () => {
    test("prints once in a pipe", () => {
      const done = Bun.spawnSync([binary, "top", "--interval", "100ms"], { cwd: server.folder, timeout: 10_000 });
      const text = done.stdout.toString();
      expect(done.exitCode).toBe(0);
      expect(text).toMatch(/^calls {7}0 handled/m);
      expect(text).toMatch(/^486 we said {2}INVITE {2}\S+ +1$/m);
      expect(text).not.toContain("\x1b");
      const json = Bun.spawnSync([binary, "top", "--json", "--interval", "100ms"], { cwd: server.folder });
      expect(JSON.parse(json.stdout.toString()).calls).toEqual({ begun: 4, answered: 3, refused: 0 });
    });

    test("draws a terminal, obeys its keys, and leaves the terminal as it was", async () => {
      const tmux = await Tmux.start();
      try {
        tmux.open("top", `cd ${server.folder}; echo before; ${binary} top --interval 200ms; echo after $?`);
        await tmux.shows("top", /486 we said[\s\S]*\(by rate\)$/, 20_000);
        tmux.type("top", "s", "");
        await tmux.shows("top", /\(by name\)$/);
        tmux.type("top", "q", "");
        expect(await tmux.shows("top", /after 0/)).toMatch(/^before\nafter 0$/);
      } finally {
        await tmux.stop();
      }
    });

    test("says when there is no server", () => {
      const done = Bun.spawnSync([binary, "top"], { cwd: temporaryFolder("none", { "siproc.yaml": "" }) });
      expect(done.exitCode).toBe(1);
      expect(done.stderr.toString()).toMatch(/no siproc of this user serves it/);
    });
  });

  describe("the log", () => {
    const file = () => readFileSync(join(server.folder, "log.json"), "utf8");
    const lines = (text: string) =>
      text
        .trimEnd()
        .split("\n")
        .map((line): Record<string, unknown> => JSON.parse(line));

    test("is the same on stderr, in the file and for those who ask", async () => {
      const printed = server.program.lines.filter((line) => line.startsWith("{"));
      await until("the file", () => file().split("\n").length > printed.length);
      expect(file().trimEnd().split("\n").slice(0, printed.length)).toEqual(printed);
      const tail = await (await ask("/v1/log?limit=2000")).json();
      expect(JSON.stringify(tail)).toContain("the call has ended");
    });

    test("has one Call-ID on all lines of a call", () => {
      const ofCalls = lines(file()).filter(({ call }) => call !== undefined);
      const byCall = Map.groupBy(ofCalls, ({ call }) => call);
      expect(byCall.size).toBe(4);
      for (const [, its] of byCall) {
        expect(new Set(its.map(({ callId }) => callId)).size).toBe(1);
        expect(its[0]?.callId).toMatch(/@/);
        expect(its.length).toBeGreaterThanOrEqual(3);
      }
    });

    test("comes to a syslog daemon by RFC 5424, as tshark reads it", async () => {
      await until("datagrams", () => syslog.length >= 20);
      const heard = [...syslog];
      const folder = temporaryFolder("syslog");
      writeFileSync(join(folder, "log.pcap"), pcapOf(heard));
      const fields = ["syslog.facility", "syslog.level", "syslog.version", "syslog.appname", "syslog.procid"];
      const read = Bun.spawnSync(
        ["tshark", "-r", "log.pcap", "-T", "fields", ...fields.flatMap((field) => ["-e", field])],
        { cwd: folder },
      );
      const rows = read.stdout.toString().trimEnd().split("\n");
      expect(rows.length).toBe(heard.length);
      for (const row of rows) expect(row).toMatch(new RegExp(`^3\\t[3467]\\t1\\tsiproc\\t${server.program.pid}$`));
      expect(heard.some((line) => / \[siproc@32473 callId="[^"]+@[^"]+" call="\w+"\] /.test(String(line)))).toBe(true);
    });

    test("has no password, key, nonce or digit in any of these places", async () => {
      const places = {
        stderr: server.program.lines.join("\n"),
        file: file(),
        syslog: syslog.join("\n"),
        api: await (await ask("/v1/log?limit=2000")).text(),
      };
      for (const [place, text] of Object.entries(places)) {
        expect(text.length, place).toBeGreaterThan(1000);
        for (const secret of Object.values(secrets)) expect(text, place).not.toContain(secret);
        expect(text, place).not.toMatch(/nonce|response=|[*#]/);
      }
    });

    test("is begun anew on SIGUSR1 after it was rotated away", async () => {
      const path = join(server.folder, "log.json");
      renameSync(path, `${path}.1`);
      process.kill(server.program.pid, "SIGUSR1");
      await until("a new file", () => existsSync(path));
      const peer = await Peer.open(server.port, "udp", { user: "alice" });
      await peer.ask("INVITE", { uri: "sip:nobody@example.com", callId: "after-rotation" });
      peer.close();
      await until("a line", () => file().includes("after-rotation"));
      expect(readFileSync(`${path}.1`, "utf8")).not.toContain("after-rotation");
    });
  });
});

async function syslogDaemon(heard: Buffer[]) {
  return await Bun.udpSocket({
    hostname: "127.0.0.1",
    socket: { data: (_, octets) => void heard.push(Buffer.from(octets)) },
  });
}

/** A capture file of datagrams to port 514: the link type is raw IP. */
function pcapOf(datagrams: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(101, 20);
  const packets = datagrams.map((payload) => {
    const packet = Buffer.alloc(16 + 28);
    packet.writeUInt32LE(payload.length + 28, 8);
    packet.writeUInt32LE(payload.length + 28, 12);
    packet.writeUInt8(0x45, 16);
    packet.writeUInt16BE(payload.length + 28, 18);
    packet.writeUInt8(64, 24);
    packet.writeUInt8(17, 25);
    packet.set([127, 0, 0, 1, 127, 0, 0, 1], 28);
    packet.writeUInt16BE(5140, 36);
    packet.writeUInt16BE(514, 38);
    packet.writeUInt16BE(payload.length + 8, 40);
    return Buffer.concat([packet, payload]);
  });
  return Buffer.concat([head, ...packets]);
}
