/** From files to a program: changes, faults and positions. */
import { afterAll, describe, expect, test } from "bun:test";
import { checkScript } from "../../../src/handlers/script/index.ts";
import { SourceMap } from "../../../src/handlers/script/source-map.ts";
import { FakeCall } from "../../support/fake-call.ts";
import { Bench } from "./support.ts";

const bench = new Bench();
afterAll(() => bench.close());

async function says(file: string): Promise<string | undefined> {
  const from = bench.lines.length;
  const call = bench.start(file, new FakeCall());
  await call.until(() => call.ended);
  return bench.messages(from)[0];
}

describe("a changed script", () => {
  test("is what the next call gets, as is a changed import", async () => {
    const file = bench.folder.write(
      "main.ts",
      'import { text } from "./text"; export default () => console.log("1", text);',
    );
    bench.folder.write("text.ts", 'export const text = "a";');
    expect(await says(file)).toBe("1 a");
    bench.folder.write("text.ts", 'export const text = "b";');
    expect(await says(file)).toBe("1 b");
    bench.folder.write("main.ts", 'import { text } from "./text"; export default () => console.log("2", text);');
    expect(await says(file)).toBe("2 b");
  });

  test("does not change calls that are up", async () => {
    const file = bench.folder.script("up.ts", 'await call.answer(); await call.ended; console.log("old");');
    const call = bench.start(file);
    await call.performed(1);
    bench.folder.script("up.ts", 'console.log("new")');
    expect(await says(file)).toBe("new");
    const from = bench.lines.length;
    call.end();
    await bench.until(() => bench.lines.length > from);
    expect(bench.messages(from)).toEqual(["old"]);
  });

  test("that was broken works again when it is mended", async () => {
    const file = bench.folder.write("broken.ts", "export default (");
    expect(await says(file)).toContain("the script did not start: broken.ts:1:");
    bench.folder.write("broken.ts", 'export default () => console.log("ok")');
    expect(await says(file)).toBe("ok");
  });

  test("that was missing works when it is there", async () => {
    const file = `${bench.folder.path}/late.ts`;
    expect(await says(file)).toContain("there is no file");
    bench.folder.write("late.ts", 'export default () => console.log("ok")');
    expect(await says(file)).toBe("ok");
  });
});

describe("check", () => {
  test("finds nothing in a good script, and runs none of it", async () => {
    const file = bench.folder.write("good.ts", "for (;;) {}\nexport default () => {};");
    expect(await checkScript(file)).toEqual([]);
  });

  test("says where an import's syntax is wrong", async () => {
    bench.folder.write("bad.ts", "export const a = 1;\nlet b: number = ;\n");
    const file = bench.folder.write("importer.ts", 'import "./bad.ts";\nexport default () => {};');
    expect(await checkScript(file)).toMatchObject([{ file: "bad.ts", line: 2, column: 17 }]);
  });

  test("says which import leads nowhere", async () => {
    const file = bench.folder.write("lost.ts", 'const a = 1;\nimport x from "./none.ts";\nexport default () => x;');
    expect(await checkScript(file)).toEqual([
      { file: "lost.ts", line: 2, column: 15, message: "imports “./none.ts”, which is not there" },
    ]);
  });
});

test("a source map leads from generated to original positions", () => {
  // Line 1 is empty; line 2 maps columns 0 and 4 to source lines 5 and 5; line 3 to line 7.
  const map = new SourceMap(";AAIA,IAAK;AAEL");
  expect(map.original(2, 1)).toEqual({ line: 5, column: 1 });
  expect(map.original(2, 6)).toEqual({ line: 5, column: 6 });
  expect(map.original(3, 1)).toEqual({ line: 7, column: 1 });
  expect(map.original(9, 9)).toEqual({ line: 9, column: 9 });
});
