/**
 * Two worlds of addresses: an outside where a server is, and homes whose phones have private addresses behind a NAT (nftables'
 * masquerade, which gives each flow another port and lets in only what answers it). All of it lives in network namespaces that
 * are gone with the processes that hold them; the machine's own network is not touched.
 */
import { readlinkSync } from "node:fs";
import { Program, ProgramError } from "./program.ts";
import { until } from "./until.ts";

/** Somewhere to run a program: words before its command, and the address that it has there. */
export interface Place {
  host: string;
  prefix: readonly string[];
}

export interface Worlds {
  server: Place;
  /** The phones of each home. Homes use the same private addresses. */
  homes: readonly (readonly Place[])[];
  /** Phones outside, each with a public address of its own. */
  street: readonly Place[];
  stop(): Promise<void>;
}

/** Whether this user may make network namespaces; in CI that is a must, as with `has`. */
export function canMakeNetworks(): boolean {
  const absent = ["ip", "nft", "unshare", "nsenter"].filter((program) => Bun.which(program) === null);
  const tried = absent.length === 0 && Bun.spawnSync(["unshare", "--net", "ip", "link", "set", "lo", "up"]).success;
  if (tried) return true;
  const reason =
    absent.length > 0
      ? `${absent.join(", ")} not found: install iproute2 nftables util-linux`
      : "this user may not make network namespaces: run as root";
  if (process.env.CI) throw new ProgramError(reason);
  console.error(`skipped: ${reason}`);
  return false;
}

interface Namespace {
  pid: number;
  prefix: readonly string[];
  /** Runs a command to its end. */
  run(command: string, input?: string): void;
  stop(): Promise<unknown>;
}

async function namespace(): Promise<Namespace> {
  const holder = new Program({ command: ["unshare", "--net", "sleep", "infinity"] });
  const own = readlinkSync("/proc/self/ns/net");
  await until("namespace", () => readlinkSync(`/proc/${holder.pid}/ns/net`) !== own);
  const prefix = ["nsenter", "--target", `${holder.pid}`, "--net", "--"];
  const run = (command: string, input = "") => {
    const done = Bun.spawnSync([...prefix, ...command.split(" ")], { stdin: Buffer.from(input) });
    if (!done.success) throw new ProgramError(`${command}: ${done.stderr}`);
  };
  run("ip link set lo up");
  return { pid: holder.pid, prefix, run, stop: () => holder.stop() };
}

const masquerade = (steady: boolean) => `
table ip home {
  chain out { type nat hook postrouting priority srcnat; oifname "outer" masquerade ${steady ? "" : "random"}; }
  chain in {
    type filter hook forward priority filter; policy drop;
    iifname "inner" accept
    ct state established,related accept
  }
  chain own { type filter hook input priority filter; iifname "outer" meta l4proto udp ${steady ? "drop" : "accept"}; }
}
`;

/** Of every hundred UDP packets that come in, so many are lost. */
const losing = (percent: number) => `
table ip losing {
  chain in { type filter hook input priority filter; meta l4proto udp numgen random mod 100 < ${percent} drop; }
}
`;

/**
 * Makes an outside with a server's place, and a home with so many phones for each number of `homes`. `street`: how many phones
 * are outside; `loss`: how many of a hundred UDP packets do not reach these and the server; `steady`: NATs keep a port for
 * whomever it speaks to, as most do at home.
 */
export async function worlds(
  homes: readonly number[],
  { street = 0, loss = 0, steady = false }: { street?: number; loss?: number; steady?: boolean } = {},
): Promise<Worlds> {
  const made: Namespace[] = [];
  const make = async () => {
    const one = await namespace();
    made.push(one);
    return one;
  };
  const stop = async () => void (await Promise.all(made.map((one) => one.stop())));
  try {
    const outside = await make();
    bridge(outside, "street", "203.0.113.10/24");
    const onStreet: Place[] = [];
    for (let n = 0; n < street; n++) {
      const phone = await make();
      const host = `203.0.113.${101 + n}`;
      connect(outside, "street", `street${n}`, phone, "eth0", `${host}/24`);
      onStreet.push({ host, prefix: phone.prefix });
    }
    if (loss > 0) for (const one of made) one.run("nft -f -", losing(loss));
    const phones: Place[][] = [];
    for (const [n, count] of homes.entries()) {
      const router = await make();
      connect(outside, "street", `home${n}`, router, "outer", `203.0.113.${21 + n}/24`);
      bridge(router, "inner", "10.1.0.1/24");
      router.run("sysctl -q -w net.ipv4.ip_forward=1");
      router.run("nft -f -", masquerade(steady));
      const home: Place[] = [];
      for (let m = 0; m < count; m++) {
        const phone = await make();
        const host = `10.1.0.${11 + m}`;
        connect(router, "inner", `phone${m}`, phone, "eth0", `${host}/24`);
        phone.run("ip route add default via 10.1.0.1");
        home.push({ host, prefix: phone.prefix });
      }
      phones.push(home);
    }
    return { server: { host: "203.0.113.10", prefix: outside.prefix }, homes: phones, street: onStreet, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function bridge(where: Namespace, name: string, address: string): void {
  where.run(`ip link add ${name} type bridge forward_delay 0`);
  where.run(`ip addr add ${address} dev ${name}`);
  where.run(`ip link set ${name} up`);
}

/** A cable from a bridge to another namespace. */
function connect(from: Namespace, bridged: string, port: string, to: Namespace, name: string, address: string): void {
  from.run(`ip link add ${port} type veth peer name ${name} netns ${to.pid}`);
  from.run(`ip link set ${port} master ${bridged} up`);
  to.run(`ip addr add ${address} dev ${name}`);
  to.run(`ip link set ${name} up`);
}
