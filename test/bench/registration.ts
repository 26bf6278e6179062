/**
 * What an authenticated registration costs: REGISTER, 401, REGISTER with a digest, 200, by ten thousand users in turn. siproc
 * with and without a file beneath, and Kamailio with its bindings in memory, on the same core in turn.
 */
import { join } from "node:path";
import { temporaryFolder } from "../support/peers/folder.ts";
import { kamailio } from "../support/peers/kamailio.ts";
import { cpu, load, memory, type Row, server, serverCore } from "./load.ts";

const rate = 1500; // registrations per second
/** In one of many rounds, in which all take their turn: whatever else the machine does, it does to all of them. */
const registrations = 2000;
/** The compiler of JavaScript is done with its work some 20,000 registrations after the start. */
const warm = 20_000;
const rounds = 12;
const users = 10_000;
const domain = "bench.test";

/** Each run of SIPp has a port of its own; the contact is the same in all of them, so that each user has one binding. */
const register = (sequence: number, credentials: string) => `
  <send retrans="500"><![CDATA[
REGISTER sip:${domain} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[field0]@${domain}>;tag=[pid]T[call_number]
To: <sip:[field0]@${domain}>
Call-ID: [call_id]
CSeq: ${sequence} REGISTER
Contact: <sip:[field0]@[local_ip]:5099;transport=[transport]>
Expires: 3600
${credentials}Content-Length: 0

]]></send>`;

const scenario = `<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="register">${register(1, "")}
  <recv response="401" auth="true"/>${register(2, "[field1]\n")}
  <recv response="200"/>
</scenario>
`;

const registrar = `
request_route {
  if (is_method("REGISTER")) {
    if (!pv_www_authenticate("$td", "secret", "0")) { www_challenge("$td", "0"); exit; }
    save("location");
    exit;
  }
  sl_send_reply("405", "Method Not Allowed");
}`;

interface Subject {
  name: string;
  pid: number;
  address: string;
  costs: number[];
  failed: number;
  retransmissions: number;
  stop(): Promise<unknown>;
}

async function siprocWith(name: string, store: string): Promise<Subject> {
  const started = await server("", {
    config: `domains: [${domain}]\naccounts: users.csv\nstore: "${store}"\nlimits: { requests_per_source: 1000000 }\nroutes: []`,
    files: { "users.csv": ["user,password", ...names.map((user) => `${user},secret`), ""].join("\n") },
    mediaPorts: 40,
  });
  return subject(name, started.program.pid, started.address, started.stop);
}

async function kamailioSubject(): Promise<Subject> {
  const started = await kamailio({
    host: "127.0.0.1",
    prefix: serverCore,
    modules: ["usrloc", "registrar", "auth"],
    parameters: ["usrloc|db_mode|0", "registrar|max_expires|3600", "auth|nonce_expire|300"],
    routes: registrar,
  });
  return subject("Kamailio", started.program.pid, started.address, started.stop);
}

function subject(name: string, pid: number, address: string, stop: () => Promise<unknown>): Subject {
  return { name, pid, address, stop, costs: [], failed: 0, retransmissions: 0 };
}

const names = Array.from({ length: users }, (_, user) => `u${user}`);

export async function* registrationBench(): AsyncIterable<Row> {
  const folder = temporaryFolder("registration", {
    "users.csv": [
      "SEQUENTIAL",
      ...names.map((user) => `${user};[authentication username=${user} password=secret]`),
      "",
    ].join("\n"),
  });
  const run = async (of: Subject, calls: number): Promise<number> => {
    const before = cpu(of.pid);
    const result = await load({
      scenario,
      remote: of.address,
      rate,
      calls,
      args: ["-inf", join(folder, "users.csv")],
    });
    of.failed += result.failed;
    of.retransmissions += result.retransmissions;
    return (cpu(of.pid) - before) / Math.max(1, result.successful);
  };

  const subjects = [
    await kamailioSubject(),
    await siprocWith("siproc, sqlite:", "sqlite:siproc.db"),
    await siprocWith("siproc, memory:", "memory:"),
  ];
  try {
    for (const each of subjects) {
      const cost = await run(each, 3 * registrations);
      yield { bench: "registration", subject: `${each.name}, started just now`, result: told(each, cost) };
      if (each.name !== "Kamailio") await run(each, warm);
      each.failed = 0;
      each.retransmissions = 0;
    }
    for (let round = 0; round < rounds; round++)
      for (const each of subjects) each.costs.push(await run(each, registrations));
    const [yardstick] = subjects;
    for (const each of subjects) {
      const row = { bench: "registration", subject: each.name, result: told(each, median(each.costs)) };
      const ratios = each.costs.map((cost, round) => cost / (yardstick?.costs[round] ?? cost));
      yield each === yardstick ? row : { ...row, against: `${median(ratios).toFixed(2)} × Kamailio` };
    }
  } finally {
    for (const each of subjects) await each.stop();
  }
}

function told(of: Subject, cost: number): string {
  const megabytes = (memory(of.pid) / 1024).toFixed(0);
  return `${cost.toFixed(0)} µs CPU per registration, ${of.failed} failed, ${of.retransmissions} retransmitted, ${megabytes} MB`;
}

function median(costs: readonly number[]): number {
  return [...costs].sort((a, b) => a - b)[Math.floor(costs.length / 2)] ?? 0;
}
