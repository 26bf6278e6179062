/** The configuration that `siproc init` and the package begin with: what works at once, and what comes next as comments. */

export interface First {
  /** The address to listen on: all, or this machine's own alone. */
  readonly host: "0.0.0.0" | "127.0.0.1";
  readonly domain: string | undefined;
  readonly accounts: readonly { readonly user: string; readonly password: string }[];
  /** As `store` has it. */
  readonly store: string;
  /** The script that answers calls to `hello`. */
  readonly script: string;
  /** The folder that scripts may write to. */
  readonly recordings: string;
}

/** Answers, and sends back what it hears, be it sound, keys or texts. */
export const helloScript = `// Sends back what it hears, be it sound, keys or texts. siproc.d.ts tells editors what a Call can do.

export default async function (call: Call) {
  await call.answer();
  await call.echo();
  for await (const event of call) {
    if (event.type === "dtmf") await call.dtmf(event.digit);
    if (event.type === "message") await call.message(event.text);
  }
}
`;

const marked = (lines: readonly string[], there: boolean) => (there ? lines : lines.map((line) => `# ${line}`));

/** The text of a siproc.yaml. */
export function firstConfiguration({ host, domain, accounts, store, script, recordings }: First): string {
  const phones = accounts.length > 0;
  const shown = phones ? accounts : [{ user: "alice", password: "wonderland" }];
  const to = domain === undefined ? "*" : `*@${domain}`;
  return `${[
    "# siproc run siproc.yaml",
    "#",
    "# Paths count from this file's folder. `siproc check` finds mistakes, `siproc reload` takes changes over while calls are up,",
    "# and `siproc man siproc.yaml | man -l -` tells of every key.",
    "",
    ...(host === "127.0.0.1"
      ? ["# For first steps on this machine alone. For phones elsewhere listen on 0.0.0.0."]
      : []),
    "listen:",
    `  - udp://${host}:5060`,
    `  - tcp://${host}:5060`,
    "  # For browsers, which get a page with a phone here:",
    `  # - ws://${host}:8080`,
    `  # - wss://${host}:8443`,
    "  # For phones with encryption:",
    `  # - tls://${host}:5061`,
    "",
    "# What tls and wss need: a certificate, { cert: cert.pem, key: key.pem }, or for first steps",
    "# tls: self-signed",
    "",
    "# Behind NAT, or on a machine with several addresses: the one that phones reach us at.",
    "# advertise: 203.0.113.7",
    "",
    "# Who we are. Without this line requests for any domain are ours.",
    ...marked([`domains: [${JSON.stringify(domain ?? "example.com")}]`], domain !== undefined),
    "",
    "# Phones that register, each with its password. What is in the store outlives a restart.",
    ...marked(
      [
        `store: ${store}`,
        "accounts:",
        ...shown.map(
          ({ user, password }) => `  - { user: ${JSON.stringify(user)}, password: ${JSON.stringify(password)} }`,
        ),
      ],
      phones,
    ),
    "",
    "# An account of ours at a provider. Its password comes from the environment.",
    "# trunks:",
    `#   - { name: provider, registrar: "sip:sip.provider.example", username: acct, password: "\${PROVIDER_PASSWORD}" }`,
    "",
    "# The first route that fits takes the request. `to` is a glob on user@host; without @ it is the user.",
    "routes:",
    `  - { to: "hello@*", script: ${script} }`,
    "  - { method: OPTIONS, reply: 200 }",
    "  # Any program that reads events and writes commands, one per line:",
    '  # - { to: "shell@*", exec: [./answer.sh] }',
    "  # Numbers that begin with +, out through the provider, for those who have shown their password; and calls that come in by it:",
    "  # - { to: '/^(\\+\\d+)@/', trunk: provider, number: $1, auth: true }",
    `  # - { trunk: provider, script: ${script} }`,
    "  # Calls between phones that are registered, with their audio through this server:",
    ...marked([`- { to: ${JSON.stringify(to)}, location: true, auth: true, nat: relay }`], phones).map(
      (line) => `  ${line}`,
    ),
    "",
    "# What scripts may touch. What is not named here is refused.",
    "# scripts:",
    `#   allow: { write: [${recordings}] }`,
    "",
    "# The UDP ports of audio, to be opened in a firewall like those of listen.",
    "media: { ports: 10000-20000 }",
    "",
    "log: { level: info }",
  ].join("\n")}\n`;
}
