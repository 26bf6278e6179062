/** Speech across calls, with the engines of the system: espeak-ng speaks in one call, pocketsphinx's words come back in another. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeAgents, openAgent } from "../support/agents.ts";
import { has } from "../support/peers/available.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

const sentence = "open the window";
/** What a recogniser with a model for microphones tells apart over the telephone. */
const grammar = `#JSGF V1.0;
grammar orders;
public <order> = call the office | open the window | close the door | stop the music | good morning;
`;

describe.skipIf(!has("espeak-ng", "pocketsphinx_continuous"))("speech", () => {
  let server: Server;

  beforeAll(async () => {
    server = await siproc({
      files: {
        "listen.ts": `export default async function (call: Call) {
  await call.answer();
  watch(call);
  const listening = call.recognize({ silence: 1200 });
  await call.message("I listen");
  const { text, reason } = await listening;
  console.log(\`heard \${reason}: \${text}\`);
  await call.say(\`You said: \${text}\`);
  await call.message(text || "nothing");
}
async function watch(call: Call) {
  for await (const event of call) console.log(\`event \${JSON.stringify(event)}\`);
}`,
        "orders.gram": grammar,
        "listen.sh": `#!/bin/sh
echo ANSWER
while read -r event rest; do
  echo "$event $rest" >&2
  case $event in
    CONNECTED) echo "RECOGNIZE timeout=3000 engine=words language=de" ;;
    SPEECH) case $rest in on*) echo HANGUP ;; esac ;;
  esac
done`,
        "words.sh": `#!/bin/sh
printf '%s\\n' '{"text":"eins","final":false}' '{"text":"eins zwei","final":true}'
cat > /dev/null
echo "$1"`,
      },
      config: `routes:
  - { to: "listen@*", script: listen.ts }
  - { to: "words@*", exec: [sh, listen.sh] }
speech:
  recognize:
    - { name: sphinx, command: [sh, -c, "cat | pocketsphinx_continuous -infile /dev/stdin -logfn /dev/null -jsgf orders.gram"] }
    - { name: words, command: [sh, words.sh, "{language}"] }`,
    });
  });
  afterAll(async () => {
    await closeAgents();
    await server.stop();
  });

  test("goes round: a text is spoken in one call, and its words come back as events in the other", async () => {
    const { agent } = await openAgent();
    const call = await agent.invite(`sip:listen@${server.address}`);
    const texts: string[] = [];
    call.watch((event) => {
      if (event.type === "message") texts.push(event.text);
    });
    await until("a listener", () => texts[0] === "I listen");
    await call.say(sentence);
    const heard = await server.program.line(/heard speech: /, 20_000);
    expect(heard).toContain(`heard speech: ${sentence}`);
    const events = server.program.lines.flatMap((line) => /event (.*) call=/.exec(line)?.[1] ?? []);
    expect(events.map((event) => JSON.parse(event))).toEqual([
      { type: "connected" },
      { type: "speaking" },
      { type: "speech", final: false, text: sentence },
      { type: "speech", final: true, text: sentence },
    ]);
    await call.ended;
    expect(texts).toEqual(["I listen", sentence]);
  });

  test("a program's own engine: words that change while they are spoken, then the last ones", async () => {
    const { agent } = await openAgent();
    const call = await agent.invite(`sip:words@${server.address}`);
    await call.say("eins zwei", { language: "de" });
    await call.ended;
    const told = server.program.lines.flatMap(
      (line) => /stderr="?((?:SPEAKING|SPEECH)[^"]*)/.exec(line)?.[1]?.trim() ?? [],
    );
    // What this engine says first it says before anybody speaks.
    expect(told.filter((line) => line !== "SPEAKING")).toEqual([
      "SPEECH off eins",
      "SPEECH off eins zwei",
      "SPEECH off eins zwei de",
      "SPEECH on eins zwei de",
    ]);
    expect(told).toContain("SPEAKING");
  });
});
