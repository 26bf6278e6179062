/** What docs/transfer.md says, done by the binary: its scripts and programs, as printed but for addresses. */
import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { examplesIn } from "../support/documents.ts";
import { programBelow, runProgram } from "../support/library.ts";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { Linphone } from "../support/peers/linphone.ts";
import { netSipMailbox, netSipTransferee } from "../support/peers/netsip.ts";
import { sipp, startSipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

/** The example of the document that has these words, with carol where `uri` says. */
const example = (notation: string, words: string, uri: string) => {
  const found = examplesIn(notation).find(
    ({ place, text }) => place.startsWith("docs/transfer.md:") && text.includes(words),
  );
  if (found === undefined) throw new RangeError(`docs/transfer.md has no example with ${words}`);
  return found.text.replaceAll("sip:carol@example.com", uri);
};

/** The binary with one handler for all calls. */
async function serving(file: string, text: string, dial = '"*"'): Promise<Server> {
  const action = file.endsWith(".sh") ? `exec: [sh, ${file}]` : `script: ${file}`;
  const server = await siproc({
    host: phoneHost,
    files: { [file]: text },
    config: `routes: [{ to: "*", ${action} }]\nscripts: { allow: { dial: [${dial}] } }\nlog: { level: debug }`,
  });
  open.push(server);
  return server;
}

const logged = (server: Server, what: RegExp) =>
  until(String(what), () => what.test(server.program.stderr.join("\n"))).catch((error) => {
    throw new Error(`${error}: ${server.program.stderr.join("\n")}`);
  });

const ended = (server: Server) => (server.program.stderr.join("\n").match(/the call has ended/g) ?? []).length;

async function linphone(options: Parameters<typeof Linphone.start>[0] = {}): Promise<Linphone> {
  const phone = await Linphone.start({ autoAnswer: true, codec: "PCMU", ...options });
  open.push(phone);
  return phone;
}

async function baresip(): Promise<Baresip> {
  const phone = await Baresip.start({ user: "alice" });
  open.push(phone);
  return phone;
}

const addressOf = (phone: Linphone) => `sip:carol@${phoneHost}:${phone.port}`;

/** An ordinary call whose caller is told by a text that there is mail. */
const told = readFileSync(join(import.meta.dir, "scenarios/uac-call.xml"), "utf8").replace(
  /<pause .*\/>/,
  `<recv request="MESSAGE" timeout="5000">
    <action><ereg regexp="you have mail" search_in="body" check_it="true" assign_to="text"/></action>
  </recv>
  <Reference variables="text"/>
  <send><![CDATA[
SIP/2.0 200 OK
@@reply@@
Content-Length: 0

]]></send>`,
);

describe.skipIf(!has("baresip", "linphonec", "perl", "sipp", "sox"))("docs/transfer.md", () => {
  test.each([
    ["ts", "carol is not there"],
    ["sh", "TRANSFER sip:carol"],
  ])("blind, by %s: %s", async (notation, words) => {
    const carol = await linphone();
    const server = await serving(`handler.${notation}`, example(notation, words, addressOf(carol)));
    await (await baresip()).dial(`sip:desk@${server.address}`);
    await carol.program.line(/Media streams established/);
    await logged(server, /cause=transferred/);
  });

  test("attended: the server dials carol, here another siproc, then leaves the two alone", async () => {
    const carol = await serving("follow.ts", example("ts", "call.follow()", ""));
    const server = await serving("desk.ts", example("ts", "call.transfer(other)", `sip:carol@${carol.address}`));
    const caller = await netSipTransferee(`sip:desk@${server.address}`);
    open.push(caller);
    for (const line of [/CALLED 200/, /REFERRED/, /REPLACED 200/, /BYE/]) await caller.line(line);
    await logged(carol, /now with sip:transferee@/);
    await logged(server, /cause=transferred/);
    await until("both calls of the server to end", () => ended(server) === 2);
    expect(ended(carol)).toBe(0);
  });

  test("followed where allow.dial names the target", async () => {
    const carol = await linphone();
    const server = await serving("follow.ts", example("ts", "call.follow()", ""));
    const alice = await baresip();
    await alice.dial(`sip:desk@${server.address}`);
    await alice.event("CALL_ESTABLISHED");
    await alice.command("transfer", addressOf(carol));
    await carol.program.line(/Media streams established/);
    await logged(server, /now with sip:carol@/);
    await alice.event("CALL_CLOSED");
  });

  test("not followed where it does not: the peer hears 603", async () => {
    const server = await serving("follow.ts", example("ts", "call.follow()", ""), '"*@example.com"');
    const alice = await baresip();
    await alice.dial(`sip:desk@${server.address}`);
    await alice.event("CALL_ESTABLISHED");
    await alice.command("transfer", "sip:thief@192.0.2.66");
    await logged(server, /we stay: .*may not be called/);
    expect((await alice.event("TRANSFER_FAILED")).detail).toContain("603");
  });

  test("header fields: what the caller sent goes on to who is dialled", async () => {
    const carol = await startSipp({ scenario: "uas-call", host: phoneHost });
    open.push(carol);
    const server = await serving("desk.ts", example("ts", "X-Tenant", `sip:carol@${phoneHost}:${carol.port}`));
    const contact = "Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>\nX-Tenant: blue";
    await sipp({ scenario: "uac-call", remote: server.address, host: phoneHost, service: "desk", values: { contact } });
    const invite = carol.messages().find(({ text }) => text.startsWith("INVITE"))?.text;
    expect(invite).toContain("\nX-Tenant: blue");
  });

  test("a mailbox of Net::SIP's: the caller is told that it has mail", async () => {
    const mailbox = await netSipMailbox();
    open.push(mailbox.program);
    const server = await serving("desk.ts", example("ts", "you have mail", `sip:carol@${mailbox.address}`));
    const caller = await sipp({ scenario: told, remote: server.address, host: phoneHost, service: "desk" });
    expect({ code: caller.code, errors: caller.errors }).toEqual({ code: 0, errors: "" });
    await mailbox.program.line(/^SUBSCRIBE 3600/);
    await mailbox.program.line(/^NOTIFIED 200/);
    // It is taken back with the end of the call.
    await mailbox.program.line(/^SUBSCRIBE 0/);
  });

  test("the library's program hears of a Net::SIP mailbox", async () => {
    const mailbox = await netSipMailbox();
    open.push(mailbox.program);
    const { program } = runProgram(programBelow("Ask, and hear of others"), {
      "192.0.2.10": mailbox.address,
      "60_000": "500",
    });
    expect(await program.finish(10_000)).toBe(0);
    expect(program.stdout).toEqual(["200 SUBSCRIBE", "2 new messages"]);
    expect(mailbox.program.stdout.slice(0, 2)).toEqual(["READY", "OPTIONS"]);
  });
});
