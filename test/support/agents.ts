/** Agents of the library on loopback, closed when a test is over. */
import { Agent, type AgentOptions, CallFailed, OptionError } from "../../src/library/index.ts";
import { createLog } from "../../src/log.ts";
import { freePort } from "./peers/ports.ts";

const opened: Agent[] = [];

/** For `afterEach`. */
export async function closeAgents(): Promise<void> {
  for (const agent of opened.splice(0).reverse()) await agent.close();
}

export interface TestAgent {
  agent: Agent;
  /** Its first leg. */
  port: number;
  address: string;
  /** Lines of its log. */
  log: string[];
}

export async function openAgent(options: AgentOptions = {}): Promise<TestAgent> {
  const media = await freePort(20);
  const log: string[] = [];
  const agent = await Agent.open({
    legs: "udp://127.0.0.1:0",
    mediaPorts: [media, media + 19],
    log: createLog({ level: "debug", format: "pretty", write: (line) => log.push(line) }),
    ...options,
  });
  opened.push(agent);
  const port = agent.legs[0]?.local.port ?? 0;
  return { agent, port, address: `127.0.0.1:${port}`, log };
}

/** The status that a call or a registration failed with; undefined when it did not. */
export async function failedStatus(attempt: Promise<unknown>): Promise<number | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    if (error instanceof CallFailed) return error.status;
    throw error;
  }
}

/** Why an option cannot be; "" when it can. */
export async function optionFault(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return "";
  } catch (error) {
    if (error instanceof OptionError) return error.message;
    throw error;
  }
}
