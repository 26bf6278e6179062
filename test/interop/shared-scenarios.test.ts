/**
 * SIPp scenarios of other projects, read in place from the shared test data: as they are, but for pauses of more than a
 * second, which are cut to 300 ms. Each one of the manifest is run against a user agent, or is not and it is said why.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { atMost } from "../support/at-most.ts";
import { dataJson, dataPath } from "../support/data.ts";
import { has } from "../support/peers/available.ts";
import { placeCall } from "../support/peers/outgoing.ts";
import { received, type SippResult, sipp, startSipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { type Row, rows, text } from "../support/verdict.ts";
import { handlers } from "./handlers/scripts.ts";

interface Outcome {
  /** What SIPp receives, but for 100. */
  sees: readonly string[];
  /** Where we do something else than the scenario's authors expect: why we do. SIPp then counts the call as failed. */
  differs?: string;
}

/** Scenarios that call us, and the script that answers. */
const incoming: Readonly<Record<string, Outcome & { script: keyof typeof handlers; codec?: "PCMU" | "PCMA" }>> = {
  "astts__basic_calls__incoming__off-nominal__bare_ack__uac-bare-ack": { script: "answer", sees: [] },
  "astts__basic_calls__incoming__off-nominal__incompatible_codecs__uac-488": {
    script: "answer",
    codec: "PCMA",
    sees: ["488 INVITE"],
  },
  "astts__basic_calls__incoming__off-nominal__invalid_sdp__uac_invalid_deferred_answer": {
    script: "answer",
    sees: ["200 INVITE", "BYE"],
  },
  "astts__basic_calls__incoming__off-nominal__invalid_sdp__uac_invalid_offer": {
    script: "answer",
    sees: ["200 INVITE"],
    differs: "what is wrong is the video, which is declined; the audio is good",
  },
  "astts__basic_calls__incoming__off-nominal__invalid_sdp__uac_missing_deferred_answer": {
    script: "answer",
    sees: ["200 INVITE", "BYE"],
  },
  "astts__basic_calls__incoming__off-nominal__invalid_sdp__uac_valid_deferred_answer": {
    script: "answer",
    sees: ["200 INVITE", "BYE"],
    differs: "answers audio and video, where only audio is offered (RFC 3264 §6)",
  },
  astts__cseq_method__options: { script: "answer", sees: [] },
  astts__subscriptions__unknown_event_package__subscribe: {
    script: "answer",
    sees: ["405 SUBSCRIBE"],
    differs: "SUBSCRIBE is no method of ours",
  },
  astts__rtp__strict_rtp__strict_rtp_seqno__call_setup: { script: "hangup", sees: ["200 INVITE", "BYE"] },
  "pjproject__uac-bad-ack": { script: "answer", sees: ["200 INVITE", "200 BYE"] },
  "pjproject__uac-inv-retrans-after-ack": {
    script: "answer",
    sees: ["200 INVITE"],
    differs: "an INVITE that comes again after its ACK is absorbed (RFC 6026 §7.1), not answered again",
  },
  "pjproject__uac-inv-and-ack-without-sdp": { script: "answer", sees: ["200 INVITE", "BYE"] },
  "pjproject__uac-183-wrong-codec": { script: "answer", sees: ["488 INVITE"] },
  "pjproject__uac-183-wrong-media": { script: "answer", sees: ["488 INVITE"] },
  "pjproject__uac-prack-sdp-offer": {
    script: "early",
    sees: ["183 INVITE", "200 PRACK", "200 INVITE", "200 BYE"],
  },
  "pjproject__uac-upd-sdp-decline": {
    script: "early",
    sees: ["183 INVITE", "200 PRACK", "488 UPDATE", "200 INVITE", "500 BYE"],
    differs: "its BYE has the CSeq number of its PRACK: RFC 3261 §12.2.2",
  },
  "pjproject__uac-reinvite-port-0-bad-sdp": {
    script: "answer",
    sees: ["200 INVITE", "200 INVITE", "200 BYE"],
  },
  "pjproject__uac-ticket-1148": { script: "hold", sees: ["200 INVITE", "INVITE", "ACK"] },
  "pjproject__uac-ticket-1866-reinv-after-failed-nego": {
    script: "answer",
    codec: "PCMU",
    sees: ["200 INVITE", "488 INVITE"],
    differs: "a changed offer without a codec of ours is refused with 488 (RFC 3261 §14.2), not 500",
  },
  "sipp__regress__github-#0018__notify-brackets": { script: "answer", sees: [] },
  sipp__docs__regexp: {
    script: "answer",
    sees: ["200 INVITE", "200 BYE"],
    differs: "our o= line has no user name: “-” (RFC 8866 §5.2), which its regular expression does not know",
  },
};

const script = (body: string) => `export default async function (call: Call) {\n${body}\n}\n`;
const stays = script("for await (const _ of call);");
const hangsUpWhen = (type: string) =>
  script(`for await (const e of call) if (e.type === "${type}") await call.hangup();`);
const busy = { script: stays, sees: ["INVITE", "ACK"], went: { exit: 1, code: 486, cause: "rejected" } } as const;
const givenUp = { exit: 1, status: "failed", cause: "hangup", by: "local" } as const;

/** Scenarios that we call, and how the call went. Where SIPp ends before the call does, Ctrl-C ends it. */
const outgoing: Readonly<
  Record<
    string,
    Outcome & {
      script: string;
      went: Readonly<Record<string, unknown>>;
      transport?: "tcp";
      host?: string;
      interrupted?: true;
    }
  >
> = {
  "astts__basic_calls__outgoing__off-nominal__bob_is_busy__receive-ipv4-udp": busy,
  "astts__basic_calls__outgoing__off-nominal__bob_is_busy__receive-ipv4-tcp": { ...busy, transport: "tcp" },
  "astts__basic_calls__outgoing__off-nominal__bob_is_busy__receive-ipv6-udp": { ...busy, host: "::1" },
  "astts__basic_calls__outgoing__off-nominal__bob_is_busy__receive-ipv6-tcp": {
    ...busy,
    host: "::1",
    transport: "tcp",
  },
  "pjproject__uas-cancel-no-final": {
    script: script('for await (const e of call) if (e.type === "ringing") console.warn("it rings");'),
    sees: ["INVITE", "CANCEL"],
    went: givenUp,
    interrupted: true,
  },
  "pjproject__uas-early-bye": {
    script: stays,
    sees: ["INVITE", "481 BYE"],
    went: givenUp,
    interrupted: true,
    differs: "whoever is called must not send BYE before its 2xx (RFC 3261 §15)",
  },
  "pjproject__uas-reinv-and-ack-without-sdp": {
    script: stays,
    sees: ["INVITE", "ACK", "481 INVITE"],
    went: { exit: 0, status: "answered" },
    interrupted: true,
    differs: "its answer has no tag and its re-INVITE has one, so that is no request of the dialog",
  },
  "pjproject__uas-reinv-and-ack-same-branch-without-sdp": {
    script: stays,
    sees: ["INVITE", "ACK", "481 INVITE"],
    went: { exit: 0, status: "answered" },
    interrupted: true,
    differs: "as the one before",
  },
  "pjproject__uas-answer-183-without-to-tag": { script: stays, sees: ["INVITE"], went: givenUp, interrupted: true },
  "pjproject__uas-answer-183-wrong-attr": {
    script: hangsUpWhen("ringing"),
    sees: ["INVITE", "CANCEL", "ACK"],
    went: { ...givenUp, code: 487 },
  },
  "pjproject__uas-422-then-200-bad-se": {
    script: stays,
    sees: ["INVITE", "ACK", "INVITE", "ACK"],
    went: { exit: 0, status: "answered" },
    interrupted: true,
  },
  "pjproject__uas-keep-call-on-tsx-fail": {
    script: script('for await (const e of call) if (e.type === "connected") await call.hold();'),
    sees: ["INVITE", "ACK", "INVITE", "ACK", "BYE"],
    went: { exit: 0, status: "answered", code: 481 },
  },
  "sipssert__dialog__08.prack-uac-manual-multi-totag-success__uas-prack": {
    script: hangsUpWhen("connected"),
    sees: ["INVITE", "PRACK", "PRACK", "ACK", "BYE"],
    went: { exit: 0, status: "answered", code: 200 },
  },
  "sipssert__dialog__10.prack-uac-manual-fail-reject__uas-prack": {
    script: hangsUpWhen("ringing"),
    // SIPp ends with its 487, before the ACK.
    sees: ["INVITE", "PRACK", "CANCEL"],
    went: { ...givenUp, code: 487 },
  },
};

/** Why the others are not run, by what the manifest says of them. */
const notRun: readonly [about: Readonly<Record<string, RegExp>>, why: string][] = [
  [{ role: /^register$/ }, "needs a registrar"],
  [{ group: /^(auth|uac-auth)$/ }, "needs authentication"],
  [{ group: /^uac-register$/ }, "needs a client that registers"],
  [{ group: /^load$/ }, "registers first: needs a registrar"],
  [{ group: /^refer$/ }, "needs REFER"],
  [{ group: /^subscribe$/ }, "needs SUBSCRIBE and NOTIFY"],
  [{ group: /^srtp$/ }, "needs SRTP"],
  [{ target: /proxy/ }, "needs a proxy"],
  [{ group: /^prack$/, role: /^uac$/ }, "expects two phones behind us: needs a proxy"],
  [{ file: /uas-forked-100rel/ }, "with SIPp 3.6 its second 180 has two To tags; scenarios/uas-forked.xml has one"],
  [{ file: /uas-reinv-glare/ }, "expects an offer in UPDATE from us, who offer in re-INVITEs"],
  [{ file: /uas-timer-update/ }, "takes 90 s, the least session interval; unit tests have virtual time"],
  [{ file: /ast-2017-012/ }, "its capture is not among the test data; test/media has malformed RTCP"],
];

const scenario = async (name: string) => {
  const xml = await Bun.file(dataPath("sipp-scenarios", `${name}.xml`)).text();
  return xml.replace(/(<pause\s+milliseconds\s*=\s*")\d{4,}"/g, '$1300"');
};
/** After something that it does not expect SIPp ends the call in its own way, which is not looked at. */
const expectRun = (run: SippResult, { sees, differs }: Outcome) => {
  const heads = received(run).filter((head) => head !== "100 INVITE");
  expect(differs === undefined && heads.at(-1) !== "ACK" ? heads : heads.slice(0, sees.length)).toEqual([...sees]);
  if (differs === undefined) expect({ code: run.code, errors: run.errors }).toMatchObject({ code: 0 });
};
/** Where SIPp waits for what does not come, it need not wait for long. */
const patience = ({ differs }: Outcome) => (differs === undefined ? 20_000 : 3000);

test("each scenario of the manifest is run, or it is said why not", () => {
  const manifest: unknown = dataJson("sipp-scenarios", "manifest.json");
  const all = rows(manifest, "scenarios");
  const reason = (row: Row) =>
    notRun.find(([about]) => Object.entries(about).every(([name, pattern]) => pattern.test(text(row, name))))?.[1];
  const nameOf = (row: Row) => text(row, "file").replace(/\.xml$/, "");
  const unknown = all.filter((row) => !(nameOf(row) in incoming) && !(nameOf(row) in outgoing) && !reason(row));
  expect(unknown.map(nameOf)).toEqual([]);
  const named = new Set(all.map(nameOf));
  expect([...Object.keys(incoming), ...Object.keys(outgoing)].filter((name) => !named.has(name))).toEqual([]);
});

async function place(name: string, row: (typeof outgoing)[string]) {
  const { transport = "udp", host = "127.0.0.1" } = row;
  const peer = await startSipp({ scenario: await scenario(name), transport, host, timeout: patience(row) });
  const shown = host.includes(":") ? `[${host}]` : host;
  const call = placeCall(`sip:bob@${shown}:${peer.port};transport=${transport}`, { script: row.script, host: shown });
  if (row.interrupted) {
    if (row.sees.includes("CANCEL")) await call.program.line(/rings/);
    else await peer.result;
    call.program.signal("SIGINT");
  }
  return { ended: await call.ended(), run: await peer.result };
}

describe.skipIf(!has("sipp"))("scenarios of other projects", () => {
  const servers = new Map<string, Server>();
  const codecs = ["PCMU", "PCMA"] as const;
  beforeAll(async () => {
    for (const agreed of [codecs, ...codecs.map((codec) => [codec])]) {
      const server = await siproc({
        codecs: agreed,
        scripts: true,
        files: Object.fromEntries(Object.entries(handlers).map(([name, body]) => [`${name}.ts`, body])),
        config: `routes:
  - { to: "echo@*", script: hangup.ts }
${Object.keys(handlers)
  .map((name) => `  - { to: "${name}@*", script: ${name}.ts }`)
  .join("\n")}
scripts: { allow: { read: [scripts/sounds] } }
limits: { drain: 0s }`,
      });
      servers.set(agreed.join(), server);
    }
  });
  afterAll(async () => {
    for (const server of servers.values()) await server.stop();
  });
  const turn = atMost();
  const serverFor = (codec: "PCMU" | "PCMA" | undefined) => servers.get(codec ?? codecs.join())?.address ?? "";

  describe("that call us", () => {
    for (const [name, row] of Object.entries(incoming))
      test.concurrent(row.differs === undefined ? name : `${name} (${row.differs})`, async () => {
        const options = { remote: serverFor(row.codec), service: row.script, timeout: patience(row) };
        expectRun(await turn(async () => sipp({ scenario: await scenario(name), ...options })), row);
      });
  });

  describe("that we call", () => {
    for (const [name, row] of Object.entries(outgoing))
      test.concurrent(row.differs === undefined ? name : `${name} (${row.differs})`, async () => {
        const { run, ended } = await turn(() => place(name, row));
        expect(ended).toMatchObject({ ...row.went });
        expectRun(run, row);
      });
  });

  test("a server that was told all this answers, and has nothing to say of it", async () => {
    for (const server of servers.values()) {
      const run = await sipp({ scenario: "uac-call", remote: server.address, service: "answer" });
      expect({ code: run.code, errors: run.errors }).toEqual({ code: 0, errors: "" });
      expect(server.program.stderr.filter((line) => / error /.test(line))).toEqual([]);
    }
  });
});
