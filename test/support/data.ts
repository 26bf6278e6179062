/** Where the shared test vectors (captures, RFC messages, verdict tables) stand; they are read in place, never copied. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = process.env.SIPROC_TEST_DATA ?? new URL("../../../shared/data", import.meta.url).pathname;

/** The test vectors are not where they were looked for. */
export class TestDataMissing extends Error {
  override readonly name = "TestDataMissing";
  readonly code = "test-data-missing";
  constructor(path: string) {
    super(`No test data at ${path}: set SIPROC_TEST_DATA to the folder that holds it.`);
  }
}

/** The absolute path of a test vector; throws {@link TestDataMissing} when it is not there. */
export function dataPath(...parts: string[]): string {
  const path = join(root, ...parts);
  if (!existsSync(path)) throw new TestDataMissing(path);
  return path;
}

/** The octets of a test vector. */
export function dataBytes(...parts: string[]): Uint8Array {
  return readFileSync(dataPath(...parts));
}

/** A JSON test vector as `unknown`: the test that reads it says what it expects. */
export function dataJson(...parts: string[]): unknown {
  return JSON.parse(readFileSync(dataPath(...parts), "utf8"));
}
