/** Handlers in sh, Python and Perl: one process per call, driven by lines, all doing the same. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { has } from "../support/peers/available.ts";
import { received, sipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";

/** Says on stderr who calls, answers, repeats texts, hangs up once its sound has been played, and notices SIGTERM. */
const programs = {
  "handler.sh": `#!/bin/sh
trap 'echo "terminated $SIPROC_REMOTE_URI" >&2; exit 0' TERM
echo "from $SIPROC_REMOTE_URI outgoing $SIPROC_OUTGOING" >&2
echo RINGING
echo ANSWER
while read -r event rest; do
  case $event in
    MESSAGE) printf 'MESSAGE %s\\n' "$rest" ;;
    DTMF) echo HANGUP ;;
  esac
done
`,
  "handler.py": `#!/usr/bin/env python3
import os, signal, sys

def terminated(*_):
    print("terminated", os.environ["SIPROC_REMOTE_URI"], file=sys.stderr, flush=True)
    os._exit(0)

signal.signal(signal.SIGTERM, terminated)
print("from", os.environ["SIPROC_REMOTE_URI"], "outgoing", os.environ["SIPROC_OUTGOING"], file=sys.stderr, flush=True)
print("RINGING\\nANSWER", flush=True)
for line in sys.stdin:
    event, _, rest = line.rstrip("\\n").partition(" ")
    if event == "MESSAGE":
        print("MESSAGE", rest, flush=True)
    elif event == "DTMF":
        print("HANGUP", flush=True)
`,
  "handler.pl": `#!/usr/bin/env perl
use strict; use warnings;
$| = 1;
$SIG{TERM} = sub { print STDERR "terminated $ENV{SIPROC_REMOTE_URI}\\n"; exit 0 };
print STDERR "from $ENV{SIPROC_REMOTE_URI} outgoing $ENV{SIPROC_OUTGOING}\\n";
print "RINGING\\nANSWER\\n";
while (my $line = <STDIN>) {
  chomp $line;
  my ($event, $rest) = split / /, $line, 2;
  if ($event eq "MESSAGE") { print "MESSAGE $rest\\n" }
  elsif ($event eq "DTMF") { print "HANGUP\\n" }
}
`,
} as const;

/** Handlers that misbehave; the call ends, and nobody else's does. */
const bad = {
  "exits.sh": "#!/bin/sh\necho ANSWER\nread -r line\nexit 3\n",
  "half-line.sh": "#!/bin/sh\necho ANSWER\nread -r line\nprintf 'PLAY'\nexit 0\n",
} as const;

describe.skipIf(!has("sipp", "python3", "perl"))("a process per call", () => {
  let server: Server;
  beforeAll(async () => {
    const names = [...Object.keys(programs), ...Object.keys(bad), "endless.sh"];
    server = await siproc({
      config: `routes:\n${names.map((name) => `  - { to: "${name}@*", exec: [./${name}] }`).join("\n")}`,
      files: {
        ...programs,
        ...bad,
        "endless.sh": "#!/bin/sh\necho ANSWER\nexec yes 'MESSAGE endless'\n",
      },
    });
  });
  afterAll(async () => void (await server.stop()));

  describe.each(Object.keys(programs))("%s", (name) => {
    test("answers, repeats a text, is told who calls, and gets SIGTERM at the end", async () => {
      const before = server.program.stderr.length;
      const run = await sipp({
        scenario: "uac-message",
        service: name,
        values: { text: "grüß dich: 100 % ok" },
        remote: server.address,
      });
      expect(run.errors).toBe("");
      expect(run.code).toBe(0);
      expect(received(run)).toContain("180 INVITE");
      await server.program.line(/terminated sip:caller@127\.0\.0\.1/);
      const log = server.program.stderr.slice(before).join("\n");
      expect(log).toMatch(/from sip:caller@127\.0\.0\.1\S* outgoing n/);
    });
  });

  test.each(Object.keys(bad))("%s ends its call", async (name) => {
    const run = await sipp({
      scenario: "uac-hungup",
      service: name,
      values: { pause: "5000" },
      remote: server.address,
    });
    expect(run.errors).toBe("");
    expect(run.code).toBe(0);
  });

  test("a handler that floods its call with commands does not delay another's", async () => {
    const flooded = sipp({
      scenario: "uac-call",
      service: "endless.sh",
      values: { pause: "3000" },
      remote: server.address,
      args: ["-default_behaviors", "all,-abortunexp"],
    });
    const calm = await sipp({
      scenario: "uac-message",
      service: "handler.sh",
      values: { text: "calm" },
      remote: server.address,
    });
    expect(calm.errors).toBe("");
    expect(calm.code).toBe(0);
    await flooded;
  });
});
