/** Accounts as a configuration names them: which mistakes are told, and where. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readConfig } from "../../src/config/index.ts";
import { temporaryFolder } from "../support/peers/folder.ts";

const folder = temporaryFolder("accounts", {
  "good.csv": "user,password\nalice,wonderland\n",
  "bad.csv": "user,password\nalice,wonderland\n,x\n",
  "bad.json": '[{ "user": "alice", "passwrd": "x" }]',
});

/** The mistakes of a configuration with these lines and a route that asks for a password. */
async function mistakes(lines: string): Promise<string[]> {
  const text = `domains: [example.com]\nstore: "memory:"\n${lines}\nroutes:\n  - { to: "*", location: true, auth: true }\n`;
  const read = await readConfig(new TextEncoder().encode(text), join(folder, "siproc.yaml"), { environment: {} });
  const list = read.ok ? read.warnings : read.problems;
  return list.map(({ file, line, column, message }) => `${file.slice(folder.length + 1)}:${line}:${column} ${message}`);
}

describe("accounts", () => {
  test.each([
    ["in a file", "accounts: good.csv"],
    ["inline", "accounts: [{ user: alice, password: wonderland }]"],
  ])("%s are taken", async (_, lines) => {
    expect(await mistakes(lines)).toEqual([]);
  });

  test.each([
    ["of a CSV file", "accounts: bad.csv", "bad.csv:3:1 the user is missing"],
    ["of a JSON file", "accounts: bad.json", "bad.json:1:21 there is no “passwrd” here"],
    ["of a file that is not there", "accounts: none.csv", "none.csv:0:0 there is no such file"],
    ["inline", "accounts:\n  - { user: alice, pasword: x }", "siproc.yaml:4:20 there is no “pasword” here"],
    ["that there are none", "", "siproc.yaml:5:32 auth asks for the password of an account, and there are none"],
  ])("the mistake %s is told, and no other", async (_, lines, mistake) => {
    const told = (await mistakes(lines)).filter((one) => !one.includes("nobody can register"));
    expect(told).toHaveLength(1);
    expect(told[0]).toStartWith(mistake);
  });
});
