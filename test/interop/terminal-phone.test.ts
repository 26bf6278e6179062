/** The phone in the terminal: what is typed and shown, and every option of rtclite's caller, by what goes over the wire. */
import { describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { freePort } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { type SippOptions, startSipp } from "../support/peers/sipp.ts";
import { binary, siproc } from "../support/peers/siproc.ts";
import { Tmux } from "../support/peers/tmux.ts";

/** Starts the phone. Nobody sits at it: stdin is a pipe that stays open. */
function phone(args: readonly string[], env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const folder = temporaryFolder("phone", files);
  return new Program({
    command: [binary, ...args],
    cwd: folder,
    stdin: true,
    env: { XDG_CONFIG_HOME: folder, SIPROC_PASSWORD: undefined, ...env },
  });
}

const here = ["--int-ip", "127.0.0.1"];
const briefly = ["--auto-terminate-after", "200ms", "--no-audio"];

/** Has `siproc caller` call a SIPp; gives what SIPp received, message by message. */
async function called(args: (uri: string, port: number) => string[], options: Partial<SippOptions> = {}) {
  const peer = await startSipp({ scenario: "uas-call", values: { pause: "10" }, calls: 1, ...options });
  const program = phone(["caller", ...args(`sip:bob@127.0.0.1:${peer.port}`, peer.port), ...here, ...briefly]);
  const exit = await program.finish(15_000);
  const { messages, errors } = await peer.stop();
  const received = messages.filter(({ direction }) => direction === "received").map(({ text }) => text);
  return { exit, received, invite: received[0] ?? "", program, errors };
}

describe.skipIf(!has("sipp"))("each option of caller, as SIPp sees it", () => {
  const port = async () => String(await freePort());

  test.each([
    ["--subject", ["--subject=Lunch"], /^Subject: Lunch\r$/m],
    ["--user-agent", ["--user-agent=my phone"], /^User-Agent: my phone\r$/m],
    ["--user and --domain", ["--user=alice", "--domain=example.net"], /^From: <sip:alice@example\.net>;tag=/m],
    ["--ext-ip", ["--ext-ip=192.0.2.7"], /^Contact: <sip:[^@]*@192\.0\.2\.7[:>][\s\S]*^c=IN IP4 192\.0\.2\.7\r$/m],
    ["--use-lf", ["--use-lf"], /\r\n\r\nv=0\no=.*\ns=[^\r]*$/],
    ["no --use-lf", [], /\r\n\r\nv=0\r\no=.*\r\n/],
    ["--no-touchtone", ["--no-touchtone"], /^m=audio (?![\s\S]*telephone-event)/m],
    ["no --no-touchtone", [], /^a=rtpmap:\d+ telephone-event\/8000\r$/m],
    ["--listen-queue, --max-size, --fix-nat", ["--listen-queue=5", "--max-size=4096", "--fix-nat"], /^INVITE sip:bob@/],
    ["--samplerate", ["--samplerate=48000"], /^INVITE sip:bob@/],
  ])("%s", async (_, options, pattern) => {
    const { invite, exit } = await called((uri) => [`--to=${uri}`, `--port=${freeOf()}`, ...options]);
    expect(invite).toMatch(pattern);
    expect(exit).toBe(0);
  });

  test("--port: where it listens", async () => {
    const own = await port();
    const { invite } = await called((uri) => [`--to=${uri}`, `--port=${own}`]);
    expect(invite).toContain(`Via: SIP/2.0/UDP 127.0.0.1:${own};`);
  });

  test("--transport=tcp", async () => {
    const { invite } = await called((uri) => [`--to=${uri}`, "--transport=tcp", `--port=${freeOf()}`], {
      transport: "tcp",
    });
    expect(invite).toContain("Via: SIP/2.0/TCP ");
  });

  test("--to and --uri apart", async () => {
    const { invite } = await called((uri) => [
      '--to="Henry" <sip:henry@iptel.org>',
      `--uri=${uri}`,
      `--port=${freeOf()}`,
    ]);
    expect(invite).toMatch(/^INVITE sip:bob@127\.0\.0\.1:\d+ SIP/);
    expect(invite).toContain('To: "Henry" <sip:henry@iptel.org>\r\n');
  });

  test("--proxy, loose: the proxy stands in Route, and is sent to", async () => {
    const { invite } = await called((_, sipp) => [
      "--to=sip:bob@example.invalid",
      `--proxy=127.0.0.1:${sipp}`,
      `--port=${freeOf()}`,
    ]);
    expect(invite).toMatch(/^INVITE sip:bob@example\.invalid SIP/);
    expect(invite).toMatch(/^Route: <sip:127\.0\.0\.1:\d+;lr>\r$/m);
  });

  test("--strict-route: the proxy is the Request-URI, and whom we mean stands in Route", async () => {
    const { invite } = await called((_, sipp) => [
      "--to=sip:bob@example.invalid",
      `--proxy=127.0.0.1:${sipp}`,
      "--strict-route",
      `--port=${freeOf()}`,
    ]);
    expect(invite).toMatch(/^INVITE sip:127\.0\.0\.1:\d+/);
    expect(invite).toContain("Route: <sip:bob@example.invalid>\r\n");
  });

  test("--no-sdp: the offer comes with the 200, the answer with the ACK", async () => {
    const { invite, received, exit } = await called((uri) => [`--to=${uri}`, "--no-sdp", `--port=${freeOf()}`]);
    expect(invite).not.toContain("application/sdp");
    expect(invite).toMatch(/^Content-Length: 0\r$/m);
    const ack = received.find((text) => text.startsWith("ACK"));
    expect(ack).toMatch(/^Content-Type: application\/sdp\r$[\s\S]*^m=audio \d+ RTP\/AVP 0/m);
    expect(exit).toBe(0);
  });

  test("neither --to nor --listen is a mistake of the command line", async () => {
    const program = phone(["caller", "--user=alice"]);
    expect(await program.finish(5000)).toBe(2);
  });
});

let next = 5200;
/** Another port for each test; who has it already is asked for a further one by the system. */
function freeOf(): number {
  return next++;
}

describe("two phones", () => {
  /** A phone that listens, and its URI. */
  async function listening(args: readonly string[] = []) {
    const port = await freePort();
    const program = phone(["listen", ...here, "--port", String(port), "--no-audio", ...args]);
    await program.line(/listening on udp/);
    return { program, uri: `sip:alice@127.0.0.1:${port}` };
  }

  test("a conversation in texts, as on the page of caller", async () => {
    const alice = await listening();
    const bob = phone([
      "caller",
      "--listen",
      ...here,
      `--port=${freeOf()}`,
      `--to=${alice.uri}`,
      "--send=hello",
      "--user=bob",
      "--domain=127.0.0.1:1",
    ]);
    expect(await alice.program.line(/<<< hello/)).toBe("<<< hello");
    await bob.stop();
    await alice.program.stop();
  });

  test("siproc message: delivered, or not", async () => {
    const alice = await listening();
    const to = phone(["message", alice.uri, "schöne", "Grüße", ...here]);
    expect(await to.finish(10_000)).toBe(0);
    expect(JSON.parse(to.stdout[0] ?? "")).toMatchObject({ status: "delivered", code: 200 });
    expect(await alice.program.line(/<<< sch/)).toBe("<<< schöne Grüße");
    await alice.program.stop();
    const gone = phone(["message", `${alice.uri};transport=tcp`, "hello", ...here]);
    expect(await gone.finish(10_000)).toBe(1);
    expect(JSON.parse(gone.stdout[0] ?? "")).toMatchObject({ status: "failed", code: 503 });
  });

  test("a peer's text forges no line and moves no cursor", async () => {
    const alice = await listening();
    const bob = phone(["message", alice.uri, "a\x1b[2J\n<<< forged", ...here]);
    expect(await bob.finish(10_000)).toBe(0);
    await alice.program.line(/forged/);
    expect(alice.program.stdout.filter((line) => line.startsWith("<<<"))).toEqual(["<<< a\ufffd[2J"]);
    await alice.program.stop();
  });

  test("--auto-respond, --auto-respond-after and --auto-terminate-after", async () => {
    const alice = await listening(["--auto-respond-after", "300ms", "--auto-terminate-after", "500ms"]);
    const bob = phone(["call", alice.uri, ...here]);
    expect(await bob.finish(10_000)).toBe(0);
    const { ringMs, answerMs, endMs, by } = JSON.parse(bob.stdout[0] ?? "");
    expect(by).toBe("remote");
    expect(answerMs - ringMs).toBeWithin(250, 1500);
    expect(endMs - answerMs).toBeWithin(450, 2000);
    await alice.program.stop();
  });

  test("--auto-respond=486 refuses; 0 leaves it to who is there", async () => {
    const busy = await listening(["--auto-respond", "486", "--auto-respond-after", "0"]);
    const refused = phone(["call", busy.uri, ...here]);
    expect(await refused.finish(10_000)).toBe(1);
    expect(JSON.parse(refused.stdout[0] ?? "")).toMatchObject({ code: 486 });
    await busy.program.stop();
    const asks = await listening(["--auto-respond", "0"]);
    const bob = phone(["call", asks.uri, ...here, "--duration", "200ms"]);
    await asks.program.line(/call from .*type \/answer/);
    asks.program.write("/answer\n");
    expect(await bob.finish(10_000)).toBe(0);
    await asks.program.stop();
  });

  test("a second call is refused while there is one: 486", async () => {
    const alice = await listening(["--auto-respond-after", "0"]);
    const first = phone(["call", alice.uri, ...here]);
    await alice.program.line(/^connected/);
    const second = phone(["call", alice.uri, ...here]);
    expect(await second.finish(10_000)).toBe(1);
    expect(JSON.parse(second.stdout[0] ?? "")).toMatchObject({ code: 486 });
    await first.stop();
    await alice.program.stop();
  });
});

describe("registration", () => {
  const config = "domains: [example.com]\naccounts: [{ user: alice, password: wonderland }]\nroutes: []";

  test.each([
    ["a file", ["--authpass-file", "secret"], {}, { secret: "wonderland\n" }],
    ["the environment", [], { SIPROC_PASSWORD: "wonderland" }, {}],
    ["the command line", ["--authpass", "wonderland"], {}, {}],
    [
      "a profile",
      ["--profile", "home"],
      {},
      { "siproc/home": "# ours\nauthuser = alice\nauthpass-file 'secret'\n", secret: "wonderland\n" },
    ],
  ])("--register with the password from %s", async (_, args, env, files) => {
    const server = await siproc({ config });
    const where = ["--domain", "example.com", "--user", "alice", "--proxy", server.address];
    const program = phone(["register", "--once", ...where, ...args, ...here], env, files);
    expect(await program.finish(15_000)).toBe(0);
    const states = program.stdout.map((line) => JSON.parse(line));
    expect(states).toMatchObject([{ aor: "sip:alice@example.com", state: "registered" }, { state: "ended" }]);
    await server.stop();
  });

  test("a wrong password is told, and fails", async () => {
    const server = await siproc({ config });
    const where = ["--domain", "example.com", "--user", "alice", "--proxy", server.address];
    const program = phone(["register", "--once", ...where, ...here], { SIPROC_PASSWORD: "wrong" });
    expect(await program.finish(15_000)).toBe(1);
    expect(program.stdout.join()).toContain("the password is not accepted");
    await server.stop();
  });

  test("caller --listen --register says as what, and is called through the server", async () => {
    const server = await siproc({
      config: `${config.replace("routes: []", "")}routes: [{ to: "*@example.com", location: true }]`,
    });
    const alice = phone(
      [
        "caller",
        "--listen",
        "--register",
        "--register-interval=600",
        "--user=alice",
        "--domain=example.com",
        "--authuser=alice",
        `--proxy=${server.address}`,
        `--port=${freeOf()}`,
        "--auto-respond-after=0",
        "--auto-terminate-after=1",
        "--no-audio",
        ...here,
      ],
      { SIPROC_PASSWORD: "wonderland" },
    );
    expect(await alice.line(/registered/)).toBe("registered with SIP server as sip:alice@example.com");
    const bob = phone(["call", "sip:alice@example.com", "--proxy", server.address, ...here]);
    expect(await bob.finish(10_000)).toBe(0);
    await alice.stop();
    await server.stop();
  });
});

describe("a registrar that is out of order", () => {
  /** Answers each REGISTER with 503, and gives their texts. */
  async function failing() {
    const texts: string[] = [];
    const socket = await Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: {
        data(own, octets, port, host) {
          const text = octets.toString("latin1");
          texts.push(text);
          const kept = text.split("\r\n").filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line));
          own.send(`SIP/2.0 503 Out of order\r\n${kept.join("\r\n")}\r\nContent-Length: 0\r\n\r\n`, port, host);
        },
      },
    });
    return { texts, port: socket.port, stop: () => socket.close() };
  }

  test("--register-interval is asked for, and after --retry-interval it is asked again", async () => {
    const registrar = await failing();
    const program = phone([
      ...["caller", "--listen", "--register", "--register-interval=600", "--retry-interval=1", "--user=alice"],
      ...["--domain=example.com", `--proxy=127.0.0.1:${registrar.port}`, `--port=${freeOf()}`, "--no-audio", ...here],
    ]);
    await program.line(/^not registered: the registrar refused: 503 .*again in 1 s/);
    const since = performance.now();
    for (let waited = 0; registrar.texts.length < 2 && waited < 5000; waited += 50) await Bun.sleep(50);
    expect(performance.now() - since).toBeLessThan(3000);
    expect(registrar.texts[0]).toMatch(/^REGISTER sip:example\.com SIP[\s\S]*^Expires: 600\r$/m);
    expect(registrar.texts[1]).toMatch(/^REGISTER sip:example\.com SIP/);
    await program.stop();
    registrar.stop();
  });

  test("siproc register --once fails at once", async () => {
    const registrar = await failing();
    const program = phone([
      ...["register", "--once", "--user=alice", "--domain=example.com"],
      ...[`--proxy=127.0.0.1:${registrar.port}`, ...here],
    ]);
    expect(await program.finish(10_000)).toBe(1);
    expect(JSON.parse(program.stdout[0] ?? "")).toMatchObject({ state: "failed", code: 503 });
    registrar.stop();
  });
});

describe.skipIf(!has("tmux"))("at a terminal", () => {
  test("keys, texts, the line that says how it stands, and Ctrl-C", async () => {
    const tmux = await Tmux.start();
    const port = await freePort();
    const own = "--int-ip 127.0.0.1 --no-audio";
    tmux.open("alice", `"${binary}" listen ${own} --port ${port} --auto-respond 0`);
    await tmux.shows("alice", /\[ready\] >/);
    tmux.open("bob", `"${binary}" call sip:alice@127.0.0.1:${port} --from '<sip:bob@127.0.0.1>' ${own}; echo exit $?`);
    await tmux.shows("alice", /call from <sip:bob@127\.0\.0\.1>; type \/answer/);
    tmux.type("alice", "/answer");
    await tmux.shows("bob", /\[connected alice@127\.0\.0\.1 0:0\d PCMU.*\] >/);
    tmux.type("bob", "half typ", "");
    await tmux.shows("bob", /> half typ$/);
    tmux.type("alice", "hello bob");
    expect(await tmux.shows("bob", /^<<< hello bob$/m)).toMatch(/> half typ$/);
    tmux.type("bob", "ed");
    await tmux.shows("alice", /^<<< half typed$/m);
    tmux.type("bob", "1#");
    await tmux.shows("alice", /^<<< key 1\n<<< key #$/m);
    await tmux.shows("bob", /loss 0\.0% jitter \d+\.\d ms\] >/);
    tmux.type("bob", "", "C-c");
    await tmux.shows("bob", /call ended: hangup \(200\) by us\n[\s\S]*exit 0$/);
    await tmux.shows("alice", /\[ready\] >/);
    await tmux.stop();
  }, 30_000);

  test("a password is asked for, and not shown", async () => {
    const server = await siproc({
      config: "domains: [example.com]\naccounts: [{ user: alice, password: wonderland }]\nroutes: []",
    });
    const tmux = await Tmux.start();
    const where = `--domain example.com --authuser alice --user alice --proxy ${server.address} --int-ip 127.0.0.1`;
    tmux.open("alice", `"${binary}" register --once ${where}`);
    await tmux.shows("alice", /Password for alice:/);
    tmux.type("alice", "wonderland");
    expect(await tmux.shows("alice", /"state":"registered"/)).not.toContain("wonderland");
    await tmux.stop();
    await server.stop();
  }, 30_000);
});
