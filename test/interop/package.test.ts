/**
 * The package for Debian: what is in it; and, on a machine of its own with systemd, how it is installed, served, read again,
 * stopped with a call up, killed, stuck, rotated and taken out.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readConfig } from "../../src/config/index.ts";
import { version } from "../../src/version.ts";
import { buildDeb, conffiles, configuration } from "../../tools/deb.ts";
import { has } from "../support/peers/available.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { canHaveMachine, onMachine } from "../support/peers/machine.ts";
import { binary, repository } from "../support/peers/siproc.ts";

let deb: string;
/** ms that the whole life of a service may take where others want the processor, too. */
const patience = 120_000;

function run(...command: string[]): { code: number; out: string; err: string } {
  const done = Bun.spawnSync(command, { env: { ...process.env, LC_ALL: "C.UTF-8" } });
  return { code: done.exitCode, out: done.stdout.toString(), err: done.stderr.toString() };
}

describe.skipIf(!has("dpkg-deb", "systemd-analyze"))("the package", () => {
  let folder: string;
  beforeAll(async () => {
    folder = temporaryFolder("deb");
    const arch = process.arch === "arm64" ? "arm64" : "amd64";
    deb = await buildDeb({ arch, binary, into: folder, compression: "none", time: 1_700_000_000 });
    run("dpkg-deb", "--extract", deb, join(folder, "root"));
  });

  test("names its version, what it needs, and the files that are the administrator's", () => {
    expect(run("dpkg-deb", "--field", deb, "Package", "Version", "Depends").out).toBe(
      `Package: siproc\nVersion: ${version}\nDepends: libc6 (>= 2.17), passwd\n`,
    );
    expect(run("dpkg-deb", "--info", deb, "conffiles").out.trim().split("\n")).toEqual([...conffiles]);
  });

  test("has each thing in its place, root's, and readable where it may be", () => {
    const listed = run("dpkg-deb", "--contents", deb).out.trim().split("\n");
    const rows = listed.map((line) => /^(\S+) (\S+) .* \.(\/\S*)$/.exec(line)?.slice(1) ?? []);
    expect(rows.filter(([, owner]) => owner !== "root/root")).toEqual([]);
    const modes = new Map(rows.map(([mode = "", , path = ""]) => [path, mode]));
    expect(modes.get("/usr/bin/siproc")).toBe("-rwxr-xr-x");
    expect(modes.get("/etc/siproc/siproc.yaml")).toBe("-rw-r-----");
    for (const path of [
      "/lib/systemd/system/siproc.service",
      "/etc/logrotate.d/siproc",
      "/usr/share/man/man1/siproc.1.gz",
      "/usr/share/man/man5/siproc.yaml.5.gz",
      "/usr/share/bash-completion/completions/siproc",
      "/usr/share/zsh/vendor-completions/_siproc",
      "/usr/share/fish/vendor_completions.d/siproc.fish",
      "/usr/share/doc/siproc/copyright",
      "/usr/share/doc/siproc/examples/siproc.yaml.example",
      "/usr/share/doc/siproc/examples/scripts/echo.ts",
      "/usr/share/siproc/hello.ts",
    ])
      expect([path, modes.get(path)]).toEqual([path, "-rw-r--r--"]);
  });

  test("has a unit that systemd finds nothing wrong with, and that gives away little", () => {
    const unit = join(folder, "siproc.service");
    // With the binary where it is: systemd looks whether it is there.
    const text = readFileSync(join(folder, "root/lib/systemd/system/siproc.service"), "utf8");
    writeFileSync(unit, text.replaceAll("/usr/bin/siproc", binary));
    expect(run("systemd-analyze", "verify", "--man=no", unit)).toEqual({ code: 0, out: "", err: "" });
    const judged = run("systemd-analyze", "security", "--offline=true", "--threshold=15", unit);
    expect(judged.out).toMatch(/Overall exposure level for siproc\.service: 1\.\d OK/);
    expect(judged.code).toBe(0);
  });

  test("listens to nobody but this machine until somebody decides so", async () => {
    const loaded = await readConfig(new TextEncoder().encode(configuration()), "/etc/siproc/siproc.yaml");
    const problems = loaded.ok ? [] : loaded.problems.map(({ message }) => message);
    expect(problems.filter((message) => !message.startsWith("there is no script"))).toEqual([]);
    expect(configuration().match(/^ {2}- (udp|tcp|tls|wss?):.*/gm)).toEqual([
      "  - udp://127.0.0.1:5060",
      "  - tcp://127.0.0.1:5060",
    ]);
  });

  test("is the same, octet by octet, when it is built again", async () => {
    const folders = [temporaryFolder("deb-one"), temporaryFolder("deb-other")] as const;
    const small = { arch: "amd64", binary: join(repository, "package.json"), compression: "none", time: 1 } as const;
    const [one, other] = [
      await buildDeb({ ...small, into: folders[0] }),
      await buildDeb({ ...small, into: folders[1] }),
    ];
    expect(Bun.hash(await Bun.file(one).bytes())).toBe(Bun.hash(await Bun.file(other).bytes()));
  });
});

/** Each part ends with a line that names it: `## NAME`. What an overlay shows as a device has been taken away. */
const script = `exec 2>&1
export LC_ALL=C.UTF-8
part() { echo "## $*"; }
settled() { for _ in $(seq 100); do [[ $(systemctl is-active siproc) == "$1" ]] && break; sleep 0.1; done; }
changed() { find /changes ! -type d ! -type c -o -path '*siproc*' | sort; }
changed >/run/before
dpkg --force-unsafe-io -i /host/siproc.deb
part installing
systemctl show siproc -p ActiveState -p UnitFileState -p StatusText -p User
siproc health && siproc status
stat -c '%n %A %U:%G' /etc/siproc/siproc.yaml /var/lib/siproc /var/log/siproc /run/siproc
man -w siproc siproc.yaml
journalctl --sync
journalctl -u siproc -p info..info -o cat --no-pager
part running
# What is needed below: a program that handles calls, a log in a file, a watchdog that does not take long, and less time to stop
# than calls will take: siproc asks for more.
printf '#!/bin/sh\\necho ANSWER; sleep 3; echo HANGUP; cat >/dev/null\\n' >/run/answer.sh
chmod 755 /run/answer.sh
sed -i 's|^routes:|&\\n  - { to: "program@*", exec: [/run/answer.sh] }|' /etc/siproc/siproc.yaml
sed -i 's|^log: .*|log: { to: [stderr, /var/log/siproc/siproc.log] }|' /etc/siproc/siproc.yaml
mkdir -p /run/systemd/system/siproc.service.d
printf '[Service]\\nWatchdogSec=2s\\nRestartSec=100ms\\nTimeoutStopSec=1s\\n' >/run/systemd/system/siproc.service.d/test.conf
systemctl daemon-reload
systemctl restart siproc
siproc call sip:hello@127.0.0.1 --duration 3s --no-audio >/run/call.json &
siproc call sip:program@127.0.0.1 --no-audio >/run/program.json &
for _ in $(seq 100); do siproc status --json | grep -q '"handled":2' && break; sleep 0.05; done
sed -i 's|"hello@|"hello-again@|' /etc/siproc/siproc.yaml
systemctl reload siproc; echo "reload: $?"
echo 'nonsense: 1' >>/etc/siproc/siproc.yaml
systemctl reload siproc; echo "reload: $?"
systemctl is-active siproc
# Both say it: the command that systemd ran, and the server. Which is first depends on the moment.
journalctl --sync
journalctl -u siproc --no-pager -o cat | grep 'nonsense'
sed -i '/nonsense/d' /etc/siproc/siproc.yaml
part reloading
systemctl stop siproc
systemctl show siproc -p ActiveState -p Result
wait
cat /run/call.json /run/program.json
part stopping
systemctl start siproc
first=$(systemctl show siproc -p MainPID --value)
kill -KILL "$first"
for _ in $(seq 100); do [[ $(systemctl show siproc -p MainPID --value) != "$first" ]] && break; sleep 0.05; done
settled active
second=$(systemctl show siproc -p MainPID --value)
[[ $first != "$second" ]] && siproc health
kill -STOP "$second"
for _ in $(seq 200); do [[ $(systemctl show siproc -p MainPID --value) != "$second" ]] && break; sleep 0.05; done
settled active
siproc health
journalctl --sync
journalctl -u siproc --no-pager | grep -o 'Watchdog timeout' | head -1
part restarting
logrotate -f /etc/logrotate.d/siproc; echo "rotated: $?"
siproc call sip:hello-again@127.0.0.1 --duration 200ms --no-audio >/dev/null
for _ in $(seq 100); do grep -q 'has ended' /var/log/siproc/siproc.log && break; sleep 0.05; done
grep -o 'the call has ended' /var/log/siproc/siproc.log
ls /var/log/siproc | wc -l
part rotating
dpkg -r siproc >/dev/null 2>&1; echo "removed: $?"
ls /etc/siproc /usr/bin/siproc; systemctl is-active siproc
dpkg -P siproc >/dev/null; echo "purged: $?"
getent passwd siproc; getent group siproc
changed | comm -13 /run/before - |
  grep -vE '^/changes(/var(/lib/dpkg|/log|/cache|/tmp)|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|/etc/\\.pwd\\.lock|/var/lib/(systemd|logrotate))'
part removing
`;

describe.skipIf(!has("dpkg-deb", "systemd-analyze", "logrotate", "man") || !canHaveMachine())(
  "the package on a machine",
  () => {
    let parts: Map<string, string>;
    const said = (name: string) => parts.get(name) ?? `(there is no part ${name}: ${[...parts.values()].join("")})`;

    beforeAll(async () => {
      const output = await onMachine(script, { "siproc.deb": deb }, patience);
      parts = new Map([...output.matchAll(/([\s\S]*?)^## (\w+)\n/gm)].map(([, text = "", name = ""]) => [name, text]));
    }, 2 * patience);

    test("is installed and serves, as a user of its own, with files that nobody else reads", () => {
      const text = said("running");
      for (const line of ["ActiveState=active", "UnitFileState=enabled", "User=siproc"])
        expect(text).toContain(`${line}\n`);
      expect(text).toContain("StatusText=serving on 2 addresses, 0 calls\n");
      expect(text).toMatch(/^ok$/m);
      expect(text).toMatch(/^listening +udp:\/\/127\.0\.0\.1:5060 tcp:\/\/127\.0\.0\.1:5060$/m);
      // The journal knows the priority, and has a time of its own.
      expect(text).toMatch(/^listening on udp:\/\/127\.0\.0\.1:5060$/m);
      expect(text).not.toContain("domains is empty");
      expect(text.match(/^\/\S+ [-d]\S+ \w+:\w+$/gm)).toEqual([
        "/etc/siproc/siproc.yaml -rw-r----- root:siproc",
        "/var/lib/siproc drwxr-x--- siproc:siproc",
        "/var/log/siproc drwxr-x--- siproc:siproc",
        "/run/siproc drwx------ siproc:siproc",
      ]);
      expect(text).toMatch(/man1\/siproc\.1\.gz\n.*man5\/siproc\.yaml\.5\.gz/);
    });

    test("takes a new configuration with a call up; systemctl reload fails for one with mistakes, which changes nothing", () => {
      const text = said("reloading");
      expect(text.match(/^reload: \d+|^active/gm)).toEqual(["reload: 0", "reload: 1", "active"]);
      expect(text).toMatch(/siproc\.yaml:\d+:1: there is no key “nonsense” here/);
    });

    test("lets calls that are up go on to their ends when it is stopped, whatever time systemd has for that", () => {
      const text = said("stopping");
      expect(text).toMatch(/^ActiveState=inactive$/m);
      expect(text).toMatch(/^Result=success$/m);
      const calls: unknown[] = (text.match(/^\{.*$/gm) ?? []).map((line) => JSON.parse(line));
      // The caller of the script hung up, after all of its time; so did the program that handled the other call.
      expect(calls).toMatchObject([
        { status: "answered", by: "local", cause: "hangup" },
        { status: "answered", by: "remote", cause: "hangup" },
      ]);
    });

    test("is started again when it is killed, and when it is stuck", () => {
      expect(said("restarting").match(/^ok$|Watchdog timeout/gm)).toEqual(["ok", "ok", "Watchdog timeout"]);
    });

    test("goes on in a new file when its log was rotated", () => {
      expect(said("rotating")).toBe("rotated: 0\nthe call has ended\n2\n");
    });

    test("leaves its configuration behind when it is removed, and nothing when it is purged", () => {
      expect(said("removing")).toBe(
        "removed: 0\nls: cannot access '/usr/bin/siproc': No such file or directory\n/etc/siproc:\nsiproc.yaml\ninactive\npurged: 0\n",
      );
    });
  },
);
