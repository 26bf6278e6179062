/** Microphone and loudspeaker through the system's own programs: PulseAudio's and PipeWire's, ALSA's, or sox. */
import type { Source } from "./audio-in.ts";
import type { Sink } from "./audio-out.ts";

/** A program that records to its stdout or plays from its stdin: samples of 16 bits, little-endian, one channel. */
interface Tool {
  readonly program: string;
  /** @param device a name as the program knows it; undefined: the usual one */
  arguments(rate: number, device: string | undefined): string[];
}

const pulse = (rate: number, device: string | undefined) => [
  "--raw",
  "--format=s16le",
  "--channels=1",
  `--rate=${rate}`,
  "--latency-msec=40",
  ...(device === undefined ? [] : [`--device=${device}`]),
];
const pipewire = (rate: number, device: string | undefined) => [
  "--raw",
  "--format=s16",
  "--channels=1",
  `--rate=${rate}`,
  "--latency=40ms",
  ...(device === undefined ? [] : [`--target=${device}`]),
  "-",
];
const alsa = (rate: number, device: string | undefined) => [
  ...["-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", String(rate)],
  ...(device === undefined ? [] : ["-D", device]),
];
const soxFormat = (rate: number) => ["-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", String(rate), "-"];

/** In the order in which they are tried. PulseAudio's programs serve PipeWire as well. */
const recorders: readonly Tool[] = [
  { program: "parec", arguments: pulse },
  { program: "pw-record", arguments: pipewire },
  { program: "arecord", arguments: alsa },
  { program: "rec", arguments: (rate) => ["-q", ...soxFormat(rate)] },
];
const players: readonly Tool[] = [
  { program: "pacat", arguments: (rate, device) => ["--playback", ...pulse(rate, device)] },
  { program: "pw-play", arguments: pipewire },
  { program: "aplay", arguments: alsa },
  { program: "play", arguments: (rate) => ["-q", ...soxFormat(rate)] },
];

/** A device as an option names it: `device`, `device:NAME`, or `PROGRAM:NAME`, such as `arecord:hw:0`. */
export interface DeviceName {
  readonly program: string | undefined;
  readonly device: string | undefined;
}

/** What an option says; undefined when it names no device. */
export function readDevice(text: string, way: "record" | "play"): DeviceName | undefined {
  const [, first = "", rest] = /^([a-z-]+)(?::(.+))?$/.exec(text) ?? [];
  const known = (way === "record" ? recorders : players).some(({ program }) => program === first);
  if (first !== "device" && !known) return undefined;
  return { program: known ? first : undefined, device: rest };
}

/** No program of the system's records or plays. */
export class DeviceError extends Error {
  readonly code = "no-device";
  constructor(way: "record" | "play", tools: readonly Tool[]) {
    const names = tools.map(({ program }) => program).join(", ");
    super(`nothing that can ${way} is installed; siproc uses one of ${names}`);
    this.name = "DeviceError";
  }
}

/** The command that records or plays; for tests. @throws DeviceError */
export function deviceCommand(
  way: "record" | "play",
  { program, device }: DeviceName,
  rate: number,
  installed: (program: string) => boolean = (name) => Bun.which(name) !== null,
): string[] {
  const tools = way === "record" ? recorders : players;
  const tool = tools.find((one) => (program === undefined || one.program === program) && installed(one.program));
  if (tool === undefined) throw new DeviceError(way, tools);
  return [tool.program, ...tool.arguments(rate, device)];
}

/** Whether there is a program for it. There may still be no device. */
export function hasDevice(way: "record" | "play"): boolean {
  return (way === "record" ? recorders : players).some(({ program }) => Bun.which(program) !== null);
}

/** @param failed is told what the program said when it fails. @throws DeviceError */
export function microphone(name: DeviceName, rate: number, failed: (reason: string) => void): Source {
  const command = deviceCommand("record", name, rate);
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const watched = watch(child, command, failed);
  return {
    octets: child.stdout,
    live: true,
    close: () => {
      watched.expected = true;
      child.kill();
    },
  };
}

/** Milliseconds of sound that may wait for a loudspeaker that is late; what comes then is left out. */
const mostBehind = 400;

/** @param failed is told what the program said when it fails. @throws DeviceError */
export function loudspeaker(name: DeviceName, rate: number, failed: (reason: string) => void): Sink {
  const command = deviceCommand("play", name, rate);
  const child = Bun.spawn(command, { stdin: "pipe", stdout: "ignore", stderr: "pipe" });
  const watched = watch(child, command, failed);
  const most = (rate / 1000) * mostBehind * 2;
  let waiting = 0;
  return {
    write: (sound) => {
      if (waiting > most || child.killed || child.exitCode !== null) return;
      child.stdin.write(sound);
      waiting += sound.length;
      Promise.resolve(child.stdin.flush()).then(
        () => {
          waiting = Math.max(0, waiting - sound.length);
        },
        () => {},
      );
    },
    end: async () => {
      watched.expected = true;
      await Promise.resolve(child.stdin.end()).catch(() => {});
      const late = setTimeout(() => child.kill(), 1000);
      await child.exited;
      clearTimeout(late);
    },
  };
}

function watch(
  child: Bun.Subprocess<"ignore" | "pipe", "pipe" | "ignore", "pipe">,
  command: readonly string[],
  failed: (reason: string) => void,
): { expected: boolean } {
  const watched = { expected: false };
  void (async () => {
    const said = await new Response(child.stderr).text();
    const code = await child.exited;
    if (!watched.expected && code !== 0)
      failed(`${command[0]} failed: ${said.trim().split("\n").at(-1)?.slice(0, 300) || `exit code ${code}`}`);
  })();
  return watched;
}
