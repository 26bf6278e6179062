/** Debian's coturn: a TURN and STUN server that takes credentials made with a shared secret (`use-auth-secret`). */
import { temporaryFolder } from "./folder.ts";
import { freePort, untilBound } from "./ports.ts";
import { Program, ProgramError } from "./program.ts";

export interface Coturn {
  readonly host: string;
  readonly port: number;
  readonly program: Program;
  stop(): Promise<unknown>;
}

/** Starts it at one address, for UDP and TCP; resolves when it listens. `prefix`: words before its command, as of a network namespace. */
export async function startCoturn(host: string, secret: string, prefix: readonly string[] = []): Promise<Coturn> {
  const port = await freePort();
  const relays = await freePort(40);
  const folder = temporaryFolder("coturn");
  const program = new Program({
    command: [
      ...prefix,
      ...["turnserver", "-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file=stdout", "--verbose", "--simple-log"],
      ...["--use-auth-secret", `--static-auth-secret=${secret}`, "--realm=example.com", `--userdb=${folder}/turndb`],
      ...[`--listening-ip=${host}`, `--relay-ip=${host}`, `--listening-port=${port}`, `--pidfile=${folder}/pid`],
      ...[`--min-port=${relays}`, `--max-port=${relays + 39}`],
    ],
    cwd: folder,
  });
  if (!(await untilBound(port, "udp", 10_000, program.pid))) {
    await program.stop();
    throw new ProgramError(`coturn did not start:\n${program.lines.slice(-20).join("\n")}`);
  }
  return { host, port, program, stop: () => program.stop() };
}
