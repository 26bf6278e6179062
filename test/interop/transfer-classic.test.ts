/** What the original siproc's page could not do: TRANSFER, by its own kind of program, behind Kamailio, among three phones. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { has } from "../support/peers/available.ts";
import { Baresip } from "../support/peers/baresip.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { kamailio, registrarAndProxy } from "../support/peers/kamailio.ts";
import { Linphone } from "../support/peers/linphone.ts";
import { freePort } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { domain, users } from "../support/peers/provider.ts";
import { binary } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

setDefaultTimeout(40_000);

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

const handler = `#!/bin/sh
trap 'echo "bye" >> log; exit 0' TERM
[ "$SIPROC_OUTGOING" = n ] && echo ANSWER
while read -r line; do
  echo "$line" >> log
  [ "$line" = CONNECTED ] && echo "TRANSFER sip:carol@${domain}"
done
`;

describe.skipIf(!has("kamailio", "baresip", "linphonec", "sox"))("siproc ./handler.sh transfers", () => {
  test.each(["n", "y"])("a call by Kamailio (outgoing: %s) to linphone, and is out of it", async (outgoing) => {
    const server = await kamailio(registrarAndProxy({ domain, users }));
    open.push(server);
    const folder = temporaryFolder("classic", { "handler.sh": handler });
    chmodSync(join(folder, "handler.sh"), 0o755);
    const program = new Program({
      command: [binary, "./handler.sh"],
      cwd: folder,
      stdin: true,
      env: {
        SIPROC_REGISTRAR_URI: `sip:${server.address}`,
        SIPROC_ID_URI: `<sip:alice@${domain}>`,
        SIPROC_USERNAME: "alice",
        SIPROC_PASSWORD: users.alice,
        SIPROC_TRANSPORT_PORT: String(await freePort()),
      },
    });
    open.push(program);
    await program.line(/registered/);
    const registers = { server: server.address, domain };
    const bob = await Baresip.start({
      user: "bob",
      registers: { ...registers, password: users.bob },
      autoAnswer: true,
    });
    open.push(bob);
    const carol = await Linphone.start({
      autoAnswer: true,
      codec: "PCMU",
      registers: { ...registers, password: users.carol, user: "carol", transport: "udp" },
    });
    open.push(carol);
    if (outgoing === "n") await bob.dial(`sip:alice@${domain}`);
    else program.write(`CALL sip:bob@${server.address}\n`);
    await carol.program.line(/Media streams established/);
    const log = () => (existsSync(join(folder, "log")) ? readFileSync(join(folder, "log"), "utf8") : "");
    await until("the end of its process", () => log().includes("bye"));
    // What comes with the end of its call a shell may not read any more: SIGTERM is there first.
    expect(log().split("\n")).toContain("TRANSFERRING 100 Trying");
    await program.line(/cause=transferred/);
    await until("sound", () => Bun.file(carol.heard).size > 16_000);
    await bob.hangup();
    await carol.program.line(/Call 1 .* ended/);
  });
});
