/** What must not be in the log at any level, nor be handed to handlers: values from the environment, and keys that are pressed. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { sipp } from "../support/peers/sipp.ts";
import { binary, type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

const secret = "xyzzy-plugh";
const script = (body: string) => `export default async function (call: Call) {\n${body}\n}\n`;

describe.skipIf(!has("sipp", "baresip"))("at level debug", () => {
  let server: Server;
  beforeAll(async () => {
    server = await siproc({
      host: phoneHost,
      // The secret is part of a redirect's URI, and of a permission: both work with it, neither tells it.
      config: `routes:
  - { to: "moved@*", redirect: "sip:\${PASSWORD}@192.0.2.1" }
  - { to: "env@*", exec: [./env.sh] }
  - { to: "keys@*", exec: [./keys.sh] }
  - { to: "script@*", script: keys.ts }
scripts: { allow: { net: ["\${PASSWORD}.example.com"], env: [PLAIN] } }
log: { level: debug }`,
      env: { PASSWORD: secret, PLAIN: "plainly", OTHER: "unmentioned" },
      files: {
        "env.sh": "#!/bin/sh\nenv | sed 's/^/env: /' >&2\necho 'env: end' >&2\n",
        // Hears keys, presses some, and gets it wrong: digits that cannot be pressed, too early, misspelt.
        "keys.sh": `#!/bin/sh
echo 'DTMF 8*8#'
echo 'DTMF 8*8#x'
echo 'dtmf 8*8#'
echo ANSWER
while read -r event rest; do
  case $event in
    CONNECTED) echo 'DTMF 8*8#'; echo 'GATHER max=3 terminator=none' ;;
    GATHERED) echo HANGUP ;;
  esac
done
`,
        "keys.ts": script(`await call.dtmf("8*8#").catch(() => {});
await call.answer();
await call.dtmf("8*8#");
await call.gather({ max: 3, terminator: "none" });
try { await call.dtmf("8*8#x"); } catch {}`),
      },
    });
  });
  afterAll(async () => void (await server.stop()));
  const log = () => server.program.lines.join("\n");

  test("a value from the environment is used, and not told", async () => {
    const run = await sipp({
      scenario: "uac-rejected",
      host: phoneHost,
      service: "moved",
      values: { status: "302" },
      remote: server.address,
    });
    expect(run.messages.some(({ text }) => text.includes(`sip:${secret}@192.0.2.1`))).toBe(true);
    expect(log()).not.toContain(secret);
  });

  test("a program gets of the environment what is documented and allowed", async () => {
    await sipp({
      scenario: "uac-rejected",
      host: phoneHost,
      service: "env",
      values: { status: "480" },
      remote: server.address,
    });
    await server.program.line(/env: end/);
    expect(log()).toContain("PLAIN=plainly");
    expect(log()).not.toContain("unmentioned");
    expect(log()).not.toContain(secret);
  });

  test.each(["keys", "script"])(
    "keys that the phone, or the %s handler, presses are nowhere in the log",
    async (user) => {
      const phone = await Baresip.start();
      const before = server.program.lines.length;
      try {
        await phone.dial(`sip:${user}@${server.address}`);
        await until("keys", () => phone.events.filter(({ type }) => type === "CALL_DTMF_START").length === 4);
        await phone.press("9*#");
        await phone.event("CALL_CLOSED");
      } finally {
        await phone.stop();
      }
      await until("end", () => server.program.lines.slice(before).some((line) => line.includes("the call has ended")));
      // Other lines have digits too, but no * and #, unless they say what a key is.
      const lines = server.program.lines.slice(before).filter((line) => !line.includes("out of 0-9 * # A-D"));
      const told = lines.filter((line) => /[*#]/.test(line));
      expect(told).toEqual([]);
    },
  );
});

describe("messages about a configuration", () => {
  test.each(["check", "run"])("%s does not repeat a value from the environment that is wrong", (command) => {
    const folder = temporaryFolder("secret", {
      "siproc.yaml": `listen: "\${PASSWORD}"\nadvertise: "\${PASSWORD}"\nlimits: { drain: "\${PASSWORD}" }\n\${PASSWORD}: 1\nroutes: [{ to: "/(\${PASSWORD}/", reply: 404 }, { reply: "\${PASSWORD}" }]\n`,
    });
    const done = Bun.spawnSync([binary, command, "siproc.yaml"], {
      cwd: folder,
      env: { ...process.env, PASSWORD: secret },
      timeout: 10_000,
    });
    expect(done.exitCode).toBe(1);
    const output = `${done.stdout}${done.stderr}`;
    expect(output).toMatch(/siproc\.yaml:3:/);
    expect(output).not.toContain(secret);
  });
});
