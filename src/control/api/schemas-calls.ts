/** The shapes of calls. */
import { Type } from "@sinclair/typebox";
import { choice, count, given, line, ms, named, optional, text } from "./shapes.ts";

const number = (description: string) => Type.Number({ description });

export const StreamQuality = named("StreamQuality", {
  packets: count(),
  octets: count("Of sound, without headers."),
  lost: optional(number("Packets that did not arrive.")),
  loss: optional(number("Which part did not arrive, 0 to 1.")),
  jitter: optional(number("ms.")),
  mos: optional(number("Mean opinion score as the E-model estimates it, 1 to 4.4.")),
});

export const Quality = named("Quality", {
  codec: optional(text()),
  roundTrip: optional(number("ms, by RTCP.")),
  received: StreamQuality,
  sent: StreamQuality,
});

export const Call = named("Call", {
  id: text("Short and unique while the server runs."),
  callId: text("The Call-ID."),
  placedBy: optional(text("The Call-ID of the call whose handler placed this one.")),
  direction: choice(["incoming", "outgoing"]),
  state: choice(["ringing", "answered", "held"]),
  from: text("The caller's URI."),
  to: text("The URI that was called."),
  name: text("The other side's display name; empty: none."),
  handler: optional(text("What handles it, as its route names it.")),
  since: ms("When it began."),
  answered: optional(ms("When it was answered.")),
  codec: optional(text()),
  security: optional(choice(["none", "sdes", "dtls"], "How its audio is encrypted.")),
  source: optional(text("Where its INVITE came from.")),
  quality: optional(Quality),
});

const uri = line("a SIP URI, user@host, or with a trunk a number", {
  most: 2048,
  pattern: "^[^\\s\\x00-\\x1f\\x7f]+$",
});

export const CallOrder = given(
  {
    to: uri,
    from: optional(line('a URI, or a name and a URI such as "Alice" <sip:alice@example.com>')),
    trunk: optional(line("the name of a trunk", { most: 64, pattern: "^[\\w.-]+$" })),
    script: optional(line("a script of the configuration's folder, such as scripts/ivr.ts")),
    exec: optional(
      Type.Array(line("a program and its arguments", { most: 4096, least: 0 }), { minItems: 1, maxItems: 64 }),
    ),
    variables: optional(
      Type.Record(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,63}$" }), Type.String({ maxLength: 4096 }), {
        maxProperties: 64,
        additionalProperties: false,
        description: "What its handler is given to work with.",
      }),
    ),
    headers: optional(
      Type.Record(
        Type.String({ pattern: "^[A-Za-z0-9.!%*_+`'~-]{1,64}$" }),
        line("a value of up to 1024 characters", { least: 0 }),
        {
          maxProperties: 32,
          additionalProperties: false,
          description: "Further header fields of its INVITE.",
        },
      ),
    ),
    ref: optional(line("text of up to 128 characters", { most: 128, doc: "Given back in `call.began`." })),
  },
  "A call to place. With neither `script` nor `exec` nobody handles it but who gives it commands.",
);

export const CommandDone = named("CommandDone", {
  ref: text("The number of the command, as in the event `call.command`."),
  done: Type.Boolean({ description: "Whether it has ended; if not, `call.command` tells when it has." }),
  ok: optional(Type.Boolean({ description: "Whether it could be done." })),
  reason: optional(text("Why not.")),
  value: optional(Type.Unknown({ description: "What it came to, as docs/calls.md says for each command." })),
});

export const callSchemas = { Call, Quality, StreamQuality, CommandDone };
