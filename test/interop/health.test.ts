/** A disk that is full while siproc serves: phones register, `siproc health` says what is wrong until it is not, SIGTERM ends it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/peers/folder.ts";
import { binary, type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";
import { closePeers, UdpPeer } from "../support/udp-peer.ts";

describe.skipIf(process.getuid?.() !== 0)("a full disk", () => {
  const disk = join(temporaryFolder("disk"), "disk");
  const filler = join(disk, "filler");
  let server: Server;

  const health = () => {
    const done = Bun.spawnSync([binary, "health", join(server.folder, "siproc.yaml")]);
    return { code: done.exitCode, said: done.stdout.toString() };
  };
  const fill = () => {
    for (const size of [65_536, 4096, 512]) {
      try {
        for (;;) writeFileSync(filler, new Uint8Array(size), { flag: "a" });
      } catch {
        // Not even so much fits any more.
      }
    }
  };
  const register = async (user: string) => {
    const peer = await UdpPeer.open(server.port);
    const text = Buffer.from(peer.compose("REGISTER", { uri: "sip:example.com" }).bytes()).toString("latin1");
    const request = text.replace(/^To: .*$/m, `To: <sip:${user}@example.com>`);
    const callId = /^Call-ID: *(.*)\r$/im.exec(request)?.[1] ?? "";
    peer.send(request.replace(/^Contact: .*$/m, `Contact: <sip:${user}@127.0.0.2:5099>`));
    return (await peer.response(callId, "REGISTER")).status;
  };

  beforeAll(async () => {
    mkdirSync(disk);
    const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk]);
    if (!mounted.success) throw new RangeError(`mount: ${mounted.stderr.toString()}`);
    server = await siproc({
      config: `domains: [example.com]
registrar: { open: true }
store: sqlite:${join(disk, "siproc.db")}
ban: { never: [127.0.0.0/8] }
routes: [{ to: "*@example.com", location: true }]`,
    });
  });
  afterAll(async () => {
    closePeers();
    await server?.stop();
    Bun.spawnSync(["umount", "-l", disk]);
  });

  test("keeps no phone from registering; siproc health says so, as long as it is full", async () => {
    expect(health()).toEqual({ code: 0, said: "ok\n" });
    fill();
    // As many as do not fit into what the store has set aside.
    for (let n = 0; n < 400; n++) expect(await register(`user${n}`)).toBe(200);
    const full = await until("failure of the store", () => {
      const now = health();
      return now.said === "ok\n" ? undefined : now;
    });
    expect(full.code).toBe(0);
    expect(full.said).toMatch(/^degraded\nthe store: .*(full|space|disk)/);
    rmSync(filler);
    await until("store that works again", () => health().said === "ok\n", 30_000);
  });

  test("does not keep it from ending", async () => {
    fill();
    for (let n = 0; n < 50; n++) expect(await register(`late${n}`)).toBe(200);
    server.program.signal("SIGTERM");
    expect(await server.program.finish(20_000)).toBe(0);
  });
});
