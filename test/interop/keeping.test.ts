/** What is kept of baresip's calls: records with their quality, messages and packets as tshark reads them, HEP, and no secret in any. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CapturedMessage } from "../../src/control/capture/capture.ts";
import type { LiveQuality } from "../../src/control/quality.ts";
import type { CallRecord, KeptRecord } from "../../src/control/records.ts";
import { socketPath } from "../../src/control/socket.ts";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { freePort, untilBound } from "../support/peers/ports.ts";
import { Program, ProgramError } from "../support/peers/program.ts";
import { binary, type Server, siproc } from "../support/peers/siproc.ts";

/** A busy machine has messages repeated. */
const once = (lines: readonly string[]) => lines.filter((line, at) => line !== lines[at - 1]);

const passwords = { alice: "wonderland-7261", bob: "builder-9911", carol: "christmas-2512" } as const;

describe.skipIf(!has("baresip", "tshark", "sngrep"))("what is kept of baresip's calls", () => {
  let server: Server;
  let alice: Baresip;
  let bob: Baresip;
  let trace: Program;
  let ended: Program;
  let carol: Baresip;
  let again: Program | undefined;
  let homer: Program;
  let hepFile: string;
  const environment = () => ({ ...process.env, XDG_RUNTIME_DIR: server.folder });

  const asked = async (...argv: string[]): Promise<string> => {
    const program = Bun.spawn([binary, ...argv], { cwd: server.folder, env: environment(), stdout: "pipe" });
    return await new Response(program.stdout).text();
  };
  const records = async (...argv: string[]): Promise<KeptRecord[]> =>
    (await asked("calls", "--json", ...argv))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  const tshark = (file: string, filter: string, fields: readonly string[], more: readonly string[] = []): string[] => {
    const { stdout } = Bun.spawnSync([
      ...["tshark", "-n", "-r", file, "-d", `udp.port==${server.port},sip`, ...more, "-Y", filter, "-T", "fields"],
      ...fields.flatMap((field) => ["-e", field]),
    ]);
    return stdout
      .toString()
      .split("\n")
      .filter((line) => line !== "");
  };

  /** How a call stands, once that is as wanted. */
  const quality = async (callId: string, wanted: (live: LiveQuality) => boolean): Promise<LiveQuality> => {
    const unix = socketPath(join(server.folder, "siproc.yaml"), { XDG_RUNTIME_DIR: server.folder });
    for (const end = performance.now() + 20_000; performance.now() < end; await Bun.sleep(100)) {
      const response = await fetch(`http://siproc/quality?call=${encodeURIComponent(callId)}`, { unix });
      // The shape is that of our own server.
      const live = response.ok ? ((await response.json()) as LiveQuality) : undefined;
      if (live !== undefined && wanted(live)) return live;
    }
    throw new ProgramError(`the quality of ${callId} was never told as wanted`);
  };

  beforeAll(async () => {
    const port = await freePort();
    const captures = temporaryFolder("hep");
    // sngrep takes HEP as Homer does, and writes down what it was sent.
    const sngrep = ["sngrep", "-N", "-q", "-L", `udp:127.0.0.1:${port}`, "-O", "hep.pcap"];
    homer = new Program({ command: sngrep, cwd: captures });
    hepFile = join(captures, "hep.pcap");
    if (!(await untilBound(port, "udp", 5000, homer.pid))) throw new ProgramError("sngrep did not start");
    const folder = { XDG_RUNTIME_DIR: "." };
    server = await siproc({
      host: phoneHost,
      env: folder,
      config: `domains: [example.com]
store: sqlite:siproc.db
accounts: ${JSON.stringify(Object.entries(passwords).map(([user, password]) => ({ user, password })))}
records: { file: calls.ndjson }
capture: { size: 4MB, packets: 1MB }
hep: { server: "127.0.0.1:${port}", id: 77, password: hep-secret }
routes:
  - { to: "echo@*", script: echo.ts, auth: true }
  - { to: "*@example.com", location: true, auth: true, nat: relay }`,
      files: {
        "echo.ts":
          "export default async function (call) { await call.answer(); await call.echo(true); for await (const _ of call); }",
      },
    });
    trace = new Program({ command: [binary, "trace", "--json"], cwd: server.folder, env: environment() });
    ended = new Program({ command: [binary, "calls", "--follow", "--json"], cwd: server.folder, env: environment() });
    const registers = { server: server.address, domain: "example.com" };
    const phone = (user: keyof typeof passwords) =>
      Baresip.start({ user, autoAnswer: true, registers: { ...registers, password: passwords[user] } });
    [alice, bob, carol] = [await phone("alice"), await phone("bob"), await phone("carol")];
    await Promise.all([alice.dial("sip:echo@example.com"), carol.dial("sip:bob@example.com")]);
    await Promise.all([alice.event("CALL_ESTABLISHED"), carol.event("CALL_ESTABLISHED")]);
  }, 30_000);
  afterAll(async () => {
    await Promise.all([alice?.stop(), bob?.stop(), carol?.stop(), trace?.stop(), ended?.stop()]);
    await Promise.all([server?.stop(), again?.stop(), homer?.stop()]);
  });

  test("a call of a script leaves a record with both directions' quality", async () => {
    await alice.command("sndcode", "7");
    const acknowledged = await trace.line(/"method":"ACK","users":\["alice","echo"\]/);
    const { callId }: CapturedMessage = JSON.parse(acknowledged);
    // baresip reports of what it hears for the first time after five seconds.
    const live = await quality(callId, ({ now }) => now.sent.jitter !== undefined);
    expect(live.now.sent.mos).toBeGreaterThan(2);
    expect(live.series.length).toBeGreaterThan(0);
    await alice.hangup();
    const record: CallRecord = JSON.parse(await ended.line(/"calleeUser":"echo"/));
    expect(record).toMatchObject({
      ...{ kind: "handled", direction: "incoming", callerUser: "alice", calleeUser: "echo", status: 200 },
      ...{ ending: "caller", handler: "echo.ts", codec: "PCMU", security: "none" },
    });
    const { received, sent } = record.quality ?? {};
    expect(received?.packets).toBeGreaterThan(50);
    expect(sent?.packets).toBeGreaterThan(50);
    expect(received?.loss).toBeLessThan(0.2);
    expect(received?.mos).toBeGreaterThan(2);
    // baresip has reported of what it heard.
    expect(sent?.jitter).toBeDefined();
    expect(record.worstMos).toBeDefined();
  }, 30_000);

  test("a call that is relayed leaves one, too", async () => {
    const ringing = await trace.line(/"method":"ACK","users":\["carol","bob"\]/);
    const { callId }: CapturedMessage = JSON.parse(ringing);
    const live = await quality(callId, ({ now }) => now.received.packets > 50 && now.sent.packets > 50);
    expect(live.now.received.mos).toBeGreaterThan(2);
    await carol.hangup();
    const record: CallRecord = JSON.parse(await ended.line(/"calleeUser":"bob"/));
    expect(record).toMatchObject({ kind: "forwarded", callerUser: "carol", calleeUser: "bob", ending: "caller" });
    expect(record.user).toBe("carol");
    expect(record.quality?.received.packets).toBeGreaterThan(50);
    expect(record.quality?.sent.packets).toBeGreaterThan(50);
    expect((await records("--user", "bob")).map(({ callId }) => callId)).toEqual([record.callId]);
    expect(await records("--user", "nobody")).toEqual([]);
    expect((await records("--handler", "echo.ts")).map(({ calleeUser }) => calleeUser)).toEqual(["echo"]);
  }, 30_000);

  test("the file of records has the same, a line each", async () => {
    const lines = readFileSync(join(server.folder, "calls.ndjson"), "utf8").trim().split("\n");
    const kept = (await records()).map(({ id: _, ...record }) => record).reverse();
    expect(lines.map((line) => JSON.parse(line))).toEqual(kept);
  }, 20_000);

  test("siproc trace tells of each message as it passes", () => {
    const messages: CapturedMessage[] = trace.stdout.map((line) => JSON.parse(line));
    const ofCall = messages.filter(({ users }) => users.includes("echo"));
    const said = ofCall.map(({ direction, status, method }) => `${direction} ${status ?? ""} ${method}`);
    expect(once(said)).toEqual([
      ...["received  INVITE", "sent 401 INVITE", "received  ACK", "received  INVITE"],
      ...["sent 200 INVITE", "received  ACK", "received  BYE", "sent 200 BYE"],
    ]);
  });

  test("a capture file has the messages and the RTP of a call, and tshark reads it", async () => {
    const [record] = await records("--handler", "echo.ts");
    await asked("trace", "--call-id", record?.callId ?? "", "--pcap", "call.pcap");
    const file = join(server.folder, "call.pcap");
    const sip = tshark(file, "sip", ["sip.Call-ID", "sip.Method", "sip.Status-Code"]);
    expect(once(sip.map((line) => line.split("\t").slice(1).join("")))).toEqual([
      ...["INVITE", "401", "ACK", "INVITE", "200", "ACK", "BYE", "200"],
    ]);
    expect(tshark(file, "_ws.malformed || udp.checksum.status == 0", ["frame.number"])).toEqual([]);
    expect(new Set(sip.map((line) => line.split("\t")[0]))).toEqual(new Set([record?.callId]));
    const rtp = tshark(file, "rtp && rtp.version == 2", ["rtp.seq"], ["-o", "rtp.heuristic_rtp:TRUE"]);
    expect(rtp.length).toBeGreaterThan(100);
  }, 20_000);

  test("a relayed call's capture file has what came from both sides", async () => {
    const [record] = await records("--user", "bob");
    await asked("trace", "--call-id", record?.callId ?? "", "--pcap", "relayed.pcap");
    const file = join(server.folder, "relayed.pcap");
    const ports = tshark(file, "rtp && rtp.version == 2", ["udp.srcport"], ["-o", "rtp.heuristic_rtp:TRUE"]);
    expect(new Set(ports).size).toBe(2);
    expect(ports.length).toBeGreaterThan(100);
  }, 20_000);

  test("sngrep takes each message as HEP, from which tshark reads it", () => {
    const hepped = () => tshark(hepFile, "sip", ["sip.Method", "sip.Status-Code", "sip.Call-ID"]);
    const traced = () => trace.stdout.map((line): CapturedMessage => JSON.parse(line));
    const lines = hepped();
    const ofCalls = traced().filter(({ method }) => ["INVITE", "ACK", "BYE"].includes(method));
    // A request to sngrep's mind begins a dialog: what came before the first of ours is not among it.
    for (const { callId, method, status } of ofCalls)
      expect(lines).toContain(`${status === undefined ? method : ""}\t${status ?? ""}\t${callId}`);
    expect(tshark(hepFile, "_ws.malformed", ["frame.number"])).toEqual([]);
  }, 20_000);

  test("no secret is in any of it", async () => {
    const everything = [
      readFileSync(join(server.folder, "calls.ndjson"), "latin1"),
      readFileSync(join(server.folder, "siproc.db-wal"), "latin1").replaceAll(/"key":"[^"]*"/g, ""),
      trace.stdout.join("\n"),
      readFileSync(join(server.folder, "call.pcap"), "latin1"),
      readFileSync(hepFile, "latin1"),
    ].join("\n");
    for (const password of Object.values(passwords)) expect(everything).not.toContain(password);
    const said = [...everything.matchAll(/\b(?:response|c?nonce)=\\?"([^"\\]*)/g)].map(([, value = ""]) => value);
    expect(said.length).toBeGreaterThan(10);
    expect(said.filter((value) => !/^\**$/.test(value))).toEqual([]);
  });

  test("records outlive kill -9", async () => {
    const before = await records();
    expect(before.length).toBe(2);
    server.program.signal("SIGKILL");
    await server.program.exited;
    again = new Program({ command: server.command, cwd: server.folder, env: environment() });
    await again.line(/listening on tcp/);
    expect(await records()).toEqual(before);
  }, 20_000);
});
