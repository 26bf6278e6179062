/**
 * A machine of its own for what changes one: this machine's files beneath, changes kept in memory, no network but its own, and
 * systemd as its first process. It is made of namespaces, by root, and is gone when it ends.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryFolder } from "./folder.ts";
import { Program, ProgramError } from "./program.ts";
import { until } from "./until.ts";

/** Where control groups of version 2 are: systemd keeps its services in them. */
function controlGroups(): string | undefined {
  const mounts = existsSync("/proc/mounts") ? readFileSync("/proc/mounts", "utf8") : "";
  return /^\S+ (\S+) cgroup2 rw/m.exec(mounts)?.[1];
}

/** Whether such a machine can be had here. */
export function canHaveMachine(): boolean {
  if (process.getuid?.() !== 0 || !existsSync("/lib/systemd/systemd") || controlGroups() === undefined) return false;
  const tried = Bun.spawnSync(["unshare", "--mount", "--pid", "--fork", "--ipc", "--uts", "--cgroup", "--net", "true"]);
  return tried.success;
}

/** Services that have no business on such a machine, or would want to reach this one's. */
const unwanted = [
  ...["systemd-timesyncd", "systemd-logind", "systemd-udevd", "systemd-resolved", "systemd-networkd", "getty@tty1"],
  ...["console-getty", "systemd-tmpfiles-setup", "apt-daily", "apt-daily-upgrade", "man-db", "dpkg-db-backup"],
].flatMap((name) => [`${name}.service`, `${name}.timer`]);

/** What the first process does before it becomes systemd. $1 is the folder that both machines see, as /host there. */
const boot = `set -e
mount --make-rprivate /
mount -t tmpfs none "$1/disk"
mkdir "$1/disk/changes" "$1/disk/work" "$1/disk/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/disk/changes,workdir=$1/disk/work" "$1/disk/root"
root=$1/disk/root
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs none "$root/run"
mount -t tmpfs none "$root/tmp"
mount -t tmpfs none "$root/dev"
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  IFS=: read -r name major minor <<<"$node"
  mknod -m 666 "$root/dev/$name" c "$major" "$minor"
done
mkdir "$root/dev/pts" "$root/dev/shm" "$root/host" "$root/changes"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount --bind "$1/share" "$root/host"
mount --bind "$1/disk/changes" "$root/changes"
ip link set lo up
# Nothing starts that is not meant to, and packages are installed whole, whatever this machine leaves out.
rm -f "$root"/etc/systemd/system/*.wants/* "$root/usr/sbin/policy-rc.d" "$root"/etc/dpkg/dpkg.cfg.d/* "$root/var/lib/man-db/auto-update"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
for unit in ${unwanted.join(" ")}; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
cp "$1/share/.test.service" "$root/etc/systemd/system/siproc-test.service"
mkdir "$root/.old"
cd "$root"
pivot_root . .old
umount -l /.old
rmdir /.old
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=siproc-test.service --show-status=no
`;

/** The last line of what a machine prints. */
const over = "(the script is over)";

/** Runs the script; whatever it says to /dev/console goes nowhere, what it prints is read from a file. */
const unit = `[Unit]
Wants=basic.target
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/bash /host/.test.sh
StandardOutput=file:/host/.output
StandardError=inherit
ExecStopPost=/bin/sh -c "echo '${over}' >>/host/.output"
`;

/**
 * Runs a script of bash as a service of such a machine; `/host` is a folder with `files`, `/changes` shows what differs
 * from this machine's disk. Resolves with what it printed.
 * @throws ProgramError when it takes longer than `ms` milliseconds.
 */
export async function onMachine(script: string, files: Readonly<Record<string, string>>, ms: number): Promise<string> {
  const folder = temporaryFolder("machine", {
    "boot.sh": boot,
    "share/.test.sh": script,
    "share/.test.service": unit,
    "share/.output": "",
  });
  mkdirSync(join(folder, "disk"));
  for (const [name, path] of Object.entries(files)) {
    const copied = Bun.spawnSync(["cp", "--reflink=auto", path, join(folder, "share", name)]);
    if (!copied.success) throw new ProgramError(copied.stderr.toString());
  }
  const group = join(controlGroups() ?? "", `siproc-test-${process.pid}`);
  mkdirSync(group, { recursive: true });
  const enter = `echo $$ >"${group}/cgroup.procs"; exec unshare --mount --pid --fork --kill-child --ipc --uts --cgroup --net bash "$0" "$1"`;
  const machine = new Program({ command: ["bash", "-c", enter, join(folder, "boot.sh"), folder] });
  const output = () => readFileSync(join(folder, "share/.output"), "utf8");
  try {
    // Its end is not waited for: that is systemd's, not what is tested.
    await until("end of the script", () => output().endsWith(`${over}\n`), ms);
    return output().slice(0, -over.length - 1);
  } catch (error) {
    throw new ProgramError(`${String(error)}:\n${machine.lines.join("\n")}\n${output()}`);
  } finally {
    machine.signal("SIGKILL");
    await machine.exited;
    await removeGroups(group);
  }
}

/** Ends who is left of the machine, and takes its groups away, the innermost first. */
async function removeGroups(group: string): Promise<void> {
  const groups = [...new Bun.Glob("**/cgroup.procs").scanSync({ cwd: group, absolute: true })].map(dirname);
  if (existsSync(join(group, "cgroup.kill"))) writeFileSync(join(group, "cgroup.kill"), "1");
  for (const path of groups.sort().reverse()) {
    await until(`end of ${path}`, () => {
      try {
        rmdirSync(path);
        return true;
      } catch {
        // Who was in it has not quite ended.
        return false;
      }
    });
  }
}
