/** Accounts in files: three formats, and what is said of a file that is wrong. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Account, type AccountsRead, parseAccounts, readAccounts } from "../../src/accounts/index.ts";
import { substitute } from "../../src/config/substitute.ts";
import { parseYaml } from "../../src/config/yaml.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { below, pick, seeded } from "../support/random.ts";

const options = { yaml: parseYaml, substitute: (text: string) => substitute(text, { SECRET: "from outside" }) };
const read = (name: string, text: string | Uint8Array): AccountsRead =>
  parseAccounts(typeof text === "string" ? Buffer.from(text) : text, name, options);

function accounts(result: AccountsRead): Account[] {
  if (!result.ok) throw new TypeError(JSON.stringify(result.problems));
  return result.accounts;
}

/** Line, column and message of each problem. */
function problems(result: AccountsRead): string[] {
  return result.ok ? [] : result.problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

const hash = "0123456789abcdefABCDEF0123456789";

describe("the three formats say the same", () => {
  const expected = [
    { user: "alice", password: "wonder land", name: "Alice Liddell" },
    { user: "bob", password: "b,i\"l'o\\xi", domain: "example.com", disabled: true },
    { user: "jäs", ha1: { MD5: hash.toLowerCase() }, description: "x" },
  ];
  test.each<[string, string]>([
    [
      "accounts.csv",
      `user,password,name,domain,disabled,ha1,description\r\nalice,wonder land,Alice Liddell,,,,\r\nbob,"b,i""l'o\\xi",,Example.COM,true,,\r\n\r\njäs,,,,,${hash},x\r\n`,
    ],
    [
      "accounts.json",
      JSON.stringify([
        { user: "alice", password: "wonder land", name: "Alice Liddell" },
        { user: "bob", password: "b,i\"l'o\\xi", domain: "Example.COM", disabled: true },
        { user: "jäs", ha1: hash, description: "x", name: null },
      ]),
    ],
    [
      "accounts.yaml",
      `- { user: alice, password: wonder land, name: Alice Liddell }\n- user: bob\n  password: "b,i\\"l'o\\\\xi"\n  domain: Example.COM\n  disabled: true\n- { user: jäs, ha1: "${hash}", description: x }\n`,
    ],
  ])("%s", (name, text) => {
    const found = accounts(read(name, text)).map((account) => account.fields());
    expect(found).toMatchObject(expected);
    expect(found.map(({ disabled }) => disabled)).toEqual([false, true, false]);
  });
});

describe("CSV", () => {
  test.each<[string, string]>([
    ["with a byte order mark", "\ufeffuser,password\nalice,x"],
    ["with semicolons", "user;password\nalice;x\n"],
    ["with columns in capitals and another order", "Password, User\nx,alice\n"],
    ["with blank lines", "user,password\n\nalice,x\n\n\n"],
    ["with old line ends", "user,password\ralice,x\r"],
    ["with everything in quotes", '"user","password"\n"alice","x"'],
  ])("%s", (_, text) => {
    expect(accounts(read("a.csv", text)).map(({ user, password }) => [user, password])).toEqual([["alice", "x"]]);
  });

  test.each<[string, string, string[]]>([
    ["empty", "", ["1:1 the first line names the columns, such as user,password,name; found “”"]],
    ["no header", "alice,x\n", ["1:1 the first line names the columns, such as user,password,name; found “alice”"]],
    [
      "a column nobody knows",
      "user,pass\n",
      [
        "1:6 there is no column “pass”; expected user, password, name, domain, ha1, ha1_sha256, ha1_sha512_256, disabled, description, image",
      ],
    ],
    ["a value too many", "user,password\nalice,x,y\n", ["2:1 found 3 values; the first line names 2 columns"]],
    ["an open quote", 'user,password\nalice,"x\nbob,y\n', ["2:7 these quotes are not closed"]],
    [
      "a quote inside",
      'user,password\nalice,x"y\n',
      ["2:8 a quote stands inside a value; put the value in quotes and write the quote twice"],
    ],
    [
      "text after quotes",
      'user,password\nalice,"x"y\n',
      ["2:10 expected the end of the value after its quotes; a quote inside it is written twice"],
    ],
    [
      "spaces around a password",
      "user,password\nalice, x\n",
      ["2:7 spaces stand around this password; put it in quotes if they belong to it"],
    ],
    [
      "an empty password",
      'user,password\nalice,\nbob,""\n',
      [
        "2:7 expected a password of 1 to 256 characters without control characters",
        "3:5 expected a password of 1 to 256 characters without control characters",
      ],
    ],
    ["no user", "user,password\n,x\n", ["2:1 the user is missing"]],
    [
      "a line end in a password",
      'user,password\nalice,"x\ny"\n',
      ["2:7 expected a password of 1 to 256 characters without control characters"],
    ],
    [
      "a user twice",
      "user,password,domain\nalice,x,\nalice,y,example.com\nalice,z,\nalice,z,EXAMPLE.com",
      [
        "4:1 alice is here a second time; the first is in line 2",
        "5:1 alice@example.com is here a second time; the first is in line 3",
      ],
    ],
    [
      "a password and a hash",
      `user,password,ha1\nalice,x,${hash}\n`,
      ["2:1 expected a password or its hashes, not both"],
    ],
    [
      "a hash that is none",
      "user,ha1\nalice,123\n",
      ["2:7 expected 32 hexadecimal digits, the MD5 of user:realm:password"],
    ],
    [
      "an odd domain",
      "user,password,domain\nalice,x,exa mple\n",
      ["2:9 expected a domain such as example.com, or an IP address"],
    ],
    [
      "several",
      "user,password,disabled\na@b,x,\nalice,\x07,maybe\n",
      [
        "2:1 expected a user name of 1 to 128 characters without spaces, @, quotes, <, > and control characters",
        "3:7 expected a password of 1 to 256 characters without control characters",
        "3:9 expected true or false",
      ],
    ],
  ])("%s", (_, text, expected) => {
    expect(problems(read("a.csv", text))).toEqual(expected);
  });
});

describe("JSON", () => {
  test("the database of SIPWS", () => {
    const text = `{ "data": [
      {"avail":"0","cn":"Alice","description":"","domain":"192.0.2.7","expire":3600,"id":"100","image":"http://acme.example/100.png","origin":"registry","password":"secret","port":5060},
      {"id":101,"password":"other","unknown":[{"x":1.5e3}],"cn":null} ],
      "domain": "192.0.2.8", "ip": "192.0.2.8" }`;
    expect(accounts(read("db.json", text)).map((account) => account.fields())).toMatchObject([
      { user: "100", domain: "192.0.2.7", name: "Alice", image: "http://acme.example/100.png", password: "secret" },
      { user: "101", domain: "192.0.2.8", name: undefined, password: "other" },
    ]);
  });

  test.each<[string, string, string[]]>([
    ["empty", "", ["1:1 expected a value: text in double quotes, a number, a list, a map"]],
    ["no list", '{ "users": [] }', ['1:1 expected a list of accounts, or { "data": [...] }']],
    ["no accounts", "[1]", ['1:2 expected an account such as { "user": "alice", "password": "wonderland" }']],
    [
      "a missing comma",
      '[\n {"user":"a","password":"b"}\n {"user":"c"}]',
      ["3:2 expected a comma, or ] at the end of the list"],
    ],
    ["a comma too many", '[{"user":"a",}]', ["1:14 expected a key in double quotes"]],
    ["not closed", '[{"user":"a"', ["1:2 this map is not closed with }"]],
    ["text not closed", '[{"user":"a', ["1:10 this text is not closed with a double quote"]],
    ["more after the end", "[] x", ["1:4 expected the end of the file"]],
    ["a key twice", '[{"user":"a","user":"b"}]', ["1:14 this key stands here a second time"]],
    ["two names of one thing", '[{"user":"a","id":"b","password":"x"}]', ["1:14 the user stands here a second time"]],
    [
      "a broken escape",
      '[{"user":"\\q"}]',
      ["1:10 a backslash starts an escape in this text; a backslash itself is written \\\\"],
    ],
    [
      "a key nobody knows",
      '[{"user":"a","password":"b","pasword":"c"}]',
      [
        "1:29 there is no “pasword” here; expected user, password, name, domain, ha1, ha1_sha256, ha1_sha512_256, disabled, description, image",
      ],
    ],
    [
      "a list for a password",
      '[{"user":"a","password":["b"]}]',
      ["1:25 expected a password of 1 to 256 characters without control characters"],
    ],
    ["no password", '[\n  {"user":"a"}]', ["2:3 the password is missing"]],
    [
      "an escaped control character",
      '[{"user":"a","password":"\\u0000"}]',
      ["1:25 expected a password of 1 to 256 characters without control characters"],
    ],
    ["nested without end", "[".repeat(100), ["1:22 lists and maps are nested more than 20 deep"]],
    [
      "a domain of the whole that is none",
      '{"data":[],"domain":"a b"}',
      ["1:21 expected a domain such as example.com, or an IP address"],
    ],
    [
      "a leading zero",
      '[{"user":"a","password":007}]',
      ["1:25 expected a value: text in double quotes, a number, a list, a map"],
    ],
  ])("%s", (_, text, expected) => {
    expect(problems(read("a.json", text))).toEqual(expected);
  });
});

describe("YAML", () => {
  test("passwords may come from the environment", () => {
    expect(accounts(read("a.yml", `accounts:\n - { user: alice, password: '\${SECRET}' }`))[0]?.password).toBe(
      "from outside",
    );
    expect(problems(read("a.yml", `- { user: alice, password: '\${MISSING}' }`))[0]).toMatch(/^1:28 .*MISSING/);
  });

  test.each<[string, string, string[]]>([
    [
      "a number, which has lost its zeros",
      '- { user: 0042, password: "0042" }',
      ["1:11 found a number; put it in quotes, so that its zeros stay"],
    ],
    ["no list", "user: alice", ["1:1 expected a list of accounts"]],
    ["no accounts", "- alice", ["1:3 expected an account such as { user: alice, password: wonderland }"]],
    [
      "a key nobody knows",
      "- user: alice\n  pasword: x\n  password: y",
      [
        "2:3 there is no “pasword” here; expected user, password, name, domain, ha1, ha1_sha256, ha1_sha512_256, disabled, description, image",
      ],
    ],
    [
      "no password",
      "- user: alice\n- user: bob\n  password: ~",
      ["1:3 the password is missing", "2:3 the password is missing"],
    ],
  ])("%s", (_, text, expected) => {
    expect(problems(read("a.yaml", text))).toEqual(expected);
  });
});

describe("files", () => {
  const folder = temporaryFolder("accounts", { "a.csv": "user,password\nalice,x\n", "b.txt": "" });
  test("are read by name", async () => {
    expect(accounts(await readAccounts(join(folder, "a.csv"))).length).toBe(1);
  });
  test.each<[string, string]>([
    ["b.txt", "expected a file whose name ends with .yaml, .json or .csv"],
    ["none.csv", "there is no such file"],
    ["", "this is not a file; expected a .yaml, .json or .csv file"],
  ])("%p is a problem of the whole file", async (name, message) => {
    const file = join(folder, name);
    expect(await readAccounts(file)).toEqual({
      ok: false,
      problems: [{ file: file.replace(/\/$/, ""), line: 0, column: 0, message }],
    });
  });
  test("are UTF-8", () => {
    const octets = Buffer.from("user,password\nalice,x\nj\xe4s,y\n", "latin1");
    expect(problems(read("a.csv", octets))).toEqual(["3:2 the file is not UTF-8 here; save it as UTF-8"]);
  });
});

test("no problem shows a secret", () => {
  const secret = "geheim\x07geheim";
  const texts: [string, string][] = [
    ["a.csv", `user,password\nalice,"${secret}"\nbob, ${secret}\n`],
    [
      "a.json",
      JSON.stringify([
        { user: "alice", password: secret, ha1: secret },
        { user: "alice", password: secret },
      ]),
    ],
    ["a.yaml", `- { user: alice, password: "${secret.replace("\x07", "\\a")}", ha1: geheim }\n`],
  ];
  for (const [name, text] of texts) {
    const result = read(name, text);
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain("geheim");
  }
});

describe("hostile files", () => {
  test("end in accounts or problems, in time", () => {
    const random = seeded(4180);
    const pieces = [
      "user",
      "password",
      ",",
      ";",
      '"',
      '""',
      "\n",
      "\r\n",
      "alice",
      "x",
      "[",
      "]",
      "{",
      "}",
      ":",
      "\\",
      "\\u00e4",
      "null",
      "1",
      "é",
      "\ufeff",
      "\0",
      " ",
      '{"user":"a","password":"b"}',
      '"data"',
    ];
    const started = performance.now();
    for (let i = 0; i < 20_000; i++) {
      const text = `${pick(random, ["", "user,password\n", "[", '{"data":['])}${Array.from({ length: below(random, 25) }, () => pick(random, pieces)).join("")}`;
      for (const name of ["a.csv", "a.json"]) {
        const result = read(name, text);
        if (!result.ok) for (const { line, column } of result.problems) expect(line > 0 && column > 0).toBe(true);
      }
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test.each<[string, string]>([
    ["a.csv", `user,password\n${'"'.repeat(2_000_000)}`],
    ["a.csv", `user,password\n${",".repeat(2_000_000)}`],
    ["a.csv", `user,password\n${"a,\n".repeat(500_000)}`],
    ["a.json", `[${'"\\u0041",'.repeat(200_000)}`],
    ["a.json", `[${"{},".repeat(300_000)}{}]`],
  ])("%s of megabytes", (name, text) => {
    const started = performance.now();
    const result = read(name, text);
    expect(result.ok ? 0 : result.problems.length).toBeWithin(1, 101);
    expect(performance.now() - started).toBeLessThan(4000);
  });

  test("100,000 accounts are read in a moment", () => {
    const list = Array.from({ length: 100_000 }, (_, i) => ({
      user: `u${i}`,
      password: `secret${i}`,
      domain: "example.com",
    }));
    const started = performance.now();
    expect(accounts(read("a.json", JSON.stringify(list))).length).toBe(100_000);
    expect(
      accounts(read("a.csv", `user,password,domain\n${list.map((one) => Object.values(one).join(",")).join("\n")}`))
        .length,
    ).toBe(100_000);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
