/** The original siproc's page, line by line: an account from the environment at Kamailio, a process per call, CALL and QUIT. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { has } from "../support/peers/available.ts";
import { Baresip } from "../support/peers/baresip.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { kamailio, registrarAndProxy } from "../support/peers/kamailio.ts";
import { freePort } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { domain, users } from "../support/peers/provider.ts";
import { binary } from "../support/peers/siproc.ts";
import { readWav, sine, writeWav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";

// Programs of others take their time to start where the machine is busy.
setDefaultTimeout(40_000);

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

/** As somebody wrote it for the original: nothing in it knows of this siproc. */
const handler = `#!/bin/sh
trap 'echo "bye $SIPROC_REMOTE_URI" >> log; exit 0' TERM
echo "start $SIPROC_OUTGOING $SIPROC_REMOTE_URI $MY_OWN_VARIABLE \${SIPROC_PASSWORD-hidden}" >> log
if [ "$SIPROC_OUTGOING" = n ]; then
  echo RINGING
  echo ANSWER
fi
while read -r line; do
  echo "event $line" >> log
  case $line in
    CONNECTED) echo "RECORD $SIPROC_OUTGOING.wav"; echo PLAY hello.wav; echo DTMF 12 ;;
    "STOPPED hello.wav") echo "RECORD"; echo "MESSAGE played to the end"; echo HANGUP ;;
  esac
done
`;

async function classic(registrar: string, environment: Record<string, string> = {}) {
  const port = await freePort();
  const folder = temporaryFolder("classic", { "handler.sh": handler });
  await writeWav(join(folder, "hello.wav"), 8000, sine(600, 1000, 0.5));
  Bun.spawnSync(["chmod", "+x", join(folder, "handler.sh")]);
  const program = new Program({
    command: [binary, "./handler.sh"],
    cwd: folder,
    stdin: true,
    env: {
      SIPROC_REGISTRAR_URI: `sip:${registrar}`,
      SIPROC_ID_URI: `Full Name <sip:alice@${domain}>`,
      SIPROC_USERNAME: "alice",
      SIPROC_PASSWORD: users.alice,
      SIPROC_TRANSPORT_PORT: String(port),
      MY_OWN_VARIABLE: "mine",
      ...environment,
    },
  });
  open.push(program);
  const log = () => (existsSync(join(folder, "log")) ? readFileSync(join(folder, "log"), "utf8") : "");
  return { program, folder, port, log };
}

function seconds(file: string): number {
  const { rate, channels } = readWav(file);
  return (channels[0]?.length ?? 0) / rate;
}

async function phone(user: "bob" | "carol", server: string): Promise<Baresip> {
  const started = await Baresip.start({
    user,
    registers: { server, domain, password: users[user] },
    autoAnswer: true,
  });
  open.push(started);
  return started;
}

describe.skipIf(!has("kamailio", "baresip"))("siproc ./handler.sh", () => {
  test("serves calls of its account with a process each, places calls by CALL, and ends by QUIT", async () => {
    const server = await kamailio(registrarAndProxy({ domain, users }));
    open.push(server);
    const { program, folder, log } = await classic(server.address);
    await program.line(/registered/);
    const bob = await phone("bob", server.address);
    await bob.dial(`sip:alice@${domain}`);
    await bob.event("CALL_ESTABLISHED");
    await bob.event("CALL_CLOSED");
    await until("the end of its process", () => log().includes("bye"));
    expect(
      log()
        .split("\n")
        .filter((line) => !/^event (RECORDED|ENDED|ERROR RECORD)/.test(line)),
    ).toEqual([
      `start n sip:bob@${domain} mine hidden`,
      "event CONNECTED",
      "event STOPPED hello.wav",
      `bye sip:bob@${domain}`,
      "",
    ]);
    await until("the recording", () => seconds(join(folder, "n.wav")) > 0.8);

    const from = bob.events.length;
    await program.write(`CALL sip:bob@${server.address}\n`);
    const { peer } = await bob.event("CALL_ESTABLISHED", 10_000, from);
    expect(peer).toBe(`sip:alice@${domain}`);
    await bob.event("CALL_CLOSED", 10_000, from);
    await until("the end of the second process", () => log().split("bye").length === 3);
    expect(log()).toContain(`start y sip:bob@${server.address} mine hidden`);
    expect(existsSync(join(folder, "y.wav"))).toBe(true);

    await program.write("QUIT\n");
    expect(await program.exited).toBe(0);
    expect(program.lines.join("\n")).toContain("no longer registered");
    expect(program.lines.join("\n")).not.toContain(users.alice);
  });

  test("QUIT disconnects the calls that are up, and a line that is wrong is told and harms nothing", async () => {
    const server = await kamailio(registrarAndProxy({ domain, users }));
    open.push(server);
    const { program } = await classic(server.address);
    await program.line(/registered/);
    await program.write("DANCE\nCALL\nCALL :::\n");
    await program.line(/a line on stdin: there is no such command/);
    await program.line(/a line on stdin: CALL needs whom to call/);
    const bob = await phone("bob", server.address);
    await program.write(`CALL sip:bob@${server.address}\n`);
    await bob.event("CALL_ESTABLISHED");
    await program.write("QUIT\n");
    expect(await program.exited).toBe(0);
    await bob.event("CALL_CLOSED");
  });
});

describe("siproc ./handler.sh", () => {
  test.each([
    ["SIPROC_TRANSPORT_PORT", "high", "SIPROC_TRANSPORT_PORT is “high”"],
    ["SIPROC_REGISTRAR_URI", "mailto:x", "SIPROC_REGISTRAR_URI: found"],
    ["SIPROC_ID_URI", "nobody", "SIPROC_ID_URI: found"],
  ])("says what is wrong with %s", async (name, value, complaint) => {
    const { program } = await classic("127.0.0.1:9", { [name]: value });
    expect(await program.exited).toBe(2);
    expect(program.stderr.join("\n")).toContain(complaint);
  });
});
