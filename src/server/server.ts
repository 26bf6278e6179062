/** What a running siproc offers to those above it, and what it is started with. */
import type {
  AgentSettings,
  InviteFailure,
  InviteOptions,
  RegistrationState,
  SessionEnd,
  UserAgent,
} from "../agent/index.ts";
import type { Call, Handler } from "../call/index.ts";
import type { Config } from "../config/config.ts";
import type { AccountsControl, GateControl } from "../control/accounts.ts";
import type { Feed } from "../control/feed.ts";
import type { OperatorControl } from "../control/operator.ts";
import type { Measures } from "../control/overview.ts";
import type { Control } from "../control/status.ts";
import type { Log } from "../log.ts";
import type { MediaEngine } from "../media/index.ts";
import type { Incoming, Receiver } from "../routing/index.ts";
import type { Flow } from "../sip/flow.ts";
import type { Listening, SystemClock, TransportLayer } from "../transport/index.ts";
import type { UdpOptions, UdpSocket } from "../udp.ts";
import type { Calls } from "./calls.ts";
import type { ServerDialer } from "./dialer.ts";
import type { HandlerAction } from "./handlers.ts";
import type { Keeping } from "./keeping.ts";
import type { OverloadLimits } from "./overload.ts";
import type { KeptAccounts } from "./report-accounts.ts";
import type { Services } from "./services.ts";
import type { Trunk } from "./trunk.ts";
import type { Trunks } from "./trunks.ts";

export interface Server {
  readonly listening: readonly Listening[];
  /** Registrar, proxies and what belongs to them. */
  readonly services: Services;
  readonly agent: UserAgent;
  readonly transport: TransportLayer;
  /** What the server says of itself, and can be told. */
  readonly control: Control;
  /** What it has counted. */
  readonly measures: Measures;
  /** The accounts, and how they are changed. */
  readonly accounts: AccountsControl;
  /** Calls, routes, recordings and texts for operators. */
  readonly operator: OperatorControl;
  /** What happens, as it happens; active where `control` is configured. */
  readonly feed: Feed;
  /** The quality of calls, their records, and what is captured. */
  readonly keeping: Keeping;
  /** Whether new requests are served. */
  readonly gate: GateControl;
  /** Requests outside of our dialogs go here first, before the routes of the configuration; undefined: to these at once. */
  use(receiver: Receiver | undefined): void;
  readonly calls: Calls;
  /** Whether a request may come to the user agent (RFC 3261 §8.2); false: it was refused, or is none that anybody answers. */
  admits(incoming: Incoming): boolean;
  /** Makes the relay of media ready, whatever the routes say: for receivers that a program adds. */
  startRelay(): void;
  /** Our accounts elsewhere. */
  readonly trunks: Trunks;
  /** The way to somebody, and whom handlers may call. */
  readonly dialer: ServerDialer;
  /** Tells one listener of each connection that is gone. */
  onClosed(heard: (flow: Flow) => void): void;
  /** Takes over routes, scripts and limits of a new configuration. Calls that are up go on as they began. */
  reload(config: Config): void;
  /** Places a call that `handler` handles; `ended` is told how it ended. */
  call(options: InviteOptions, handler: Handler, ended?: (end: SessionEnd) => void): Call | InviteFailure;
  /** The handler that a `script` or `exec` route would get. */
  handler(action: HandlerAction): Handler;
  /** Refuses new calls and resolves when the last one has ended, or after `graceMs`: true when all ended by themselves. */
  drain(graceMs: number): Promise<boolean>;
  /** Calls that would be cut if the server ended now: those that handlers have, and those whose media goes through us. */
  up(): number;
  /** Resolves when the thread of media has answered, too: while it is stuck, never. */
  alive(): Promise<void>;
  /** Ends what is still up, completes recordings, closes the sockets. */
  stop(): Promise<void>;
}

/** What is around a server: a rehearsal's is made up. */
export interface World {
  readonly clock: SystemClock;
  bindUdp(options: UdpOptions): Promise<UdpSocket>;
  media(): Promise<MediaEngine>;
}

export interface ServerOptions {
  log: Log;
  /** A handler of the embedding program's own for a `script` or `exec` route; undefined: what the route says. */
  handlerFor?: ((action: HandlerAction) => Handler | undefined) | undefined;
  /** Keeps ports for relayed media though no route relays: `startRelay` may be called. */
  mayRelay?: boolean | undefined;
  /** When new calls are refused because we are late, and how late we are with the request at hand: for tests. */
  overload?: Partial<OverloadLimits> | undefined;
  /** What the user agent does otherwise than by default. */
  agent?: Partial<AgentSettings> | undefined;
  /** Told of each change of a trunk's registration. */
  trunkChanged?: ((trunk: Trunk, state: RegistrationState) => void) | undefined;
  /** Where accounts are kept that can be changed, instead of the store. */
  accounts?: KeptAccounts | undefined;
  waited?: (() => number) | undefined;
  /** What stands for the network, the media worker and time, where these are not the system's. */
  world?: World | undefined;
  /** Plays calls and registrations that nobody makes after the start, so that the first real ones are as fast as the others. */
  rehearse?: boolean | undefined;
}
