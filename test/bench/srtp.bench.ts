/**
 * What it costs to protect and unprotect a packet of 160 octets, in µs of CPU time, beside libsrtp2 at the same work where gcc
 * and libsrtp2-dev are: `bun test/bench/srtp.bench.ts`. Packets a second on one core are a million divided by it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { masterLength, maxOverhead, Srtp, srtpProfiles } from "../../src/media/srtp/index.ts";

const rounds = 200_000;
const batch = rounds / 10;

function theirs(): Map<string, string[]> {
  const folder = mkdtempSync(join(tmpdir(), "siproc-srtp-bench-"));
  const program = join(folder, "srtp");
  const source = new URL("./srtp.c", import.meta.url).pathname;
  try {
    const built = Bun.which("gcc") !== null && Bun.spawnSync(["gcc", "-O2", "-o", program, source, "-lsrtp2"]).success;
    const lines = built ? Bun.spawnSync([program]).stdout.toString().trim().split("\n") : [];
    return new Map(lines.map((line) => [line.split(" ")[0] ?? "", line.split(" ").slice(1)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const cpu = () => process.cpuUsage().user;

const libsrtp = theirs();
const figure = (value: number | string | undefined) =>
  (value === undefined ? "–" : Number(value).toFixed(2)).padStart(8);
console.log(
  `${"µs a packet".padEnd(26)}${["protect", "libsrtp2", "unprotect", "libsrtp2"].map((name) => name.padStart(10)).join("")}`,
);
for (const profile of srtpProfiles) {
  const key = new Uint8Array(masterLength(profile)).fill(7);
  const srtp = new Srtp(profile, key, key);
  const packets = Array.from({ length: batch }, () => new Uint8Array(172 + maxOverhead));
  let protect = 0;
  let unprotect = 0;
  let sequence = 0;
  // The first round is for the compiler.
  for (let round = 0; round < 11; round++) {
    const began = cpu();
    let length = 0;
    for (const packet of packets) {
      packet.fill(0, 0, 172);
      packet[0] = 0x80;
      packet[2] = sequence >> 8;
      packet[3] = sequence++;
      packet[11] = 7;
      length = srtp.protect(packet, 172);
    }
    const middle = cpu();
    for (const packet of packets) srtp.unprotect(packet, length);
    if (round === 0) continue;
    protect += middle - began;
    unprotect += cpu() - middle;
  }
  const [theirProtect, theirUnprotect] = libsrtp.get(profile) ?? [];
  const row = [protect / rounds, theirProtect, unprotect / rounds, theirUnprotect];
  console.log(profile.padEnd(26) + row.map((value) => `${figure(value)}  `).join(""));
}
