/** What tests leave is cleared away: `bun test` tells nobody that it exits. Loaded before the tests, see bunfig.toml. */
import { afterAll } from "bun:test";
import { removeFolders } from "./peers/folder.ts";
import { endPrograms } from "./peers/program.ts";

afterAll(() => {
  endPrograms();
  removeFolders();
});
