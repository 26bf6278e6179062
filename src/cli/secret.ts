/** Reads a password: from the terminal without showing it, else the first line of stdin. */

/** Undefined: nothing was given, or the reader was told to stop. */
export async function readSecret(prompt: string): Promise<string | undefined> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) {
    const [line = ""] = (await Bun.stdin.text()).split("\n", 1);
    return line.replace(/\r$/, "") || undefined;
  }
  stderr.write(prompt);
  stdin.setRawMode(true);
  let secret = "";
  try {
    for await (const chunk of stdin) {
      for (const char of String(chunk)) {
        if (char === "\r" || char === "\n") return secret || undefined;
        if (char === "\x03" || char === "\x04") return undefined;
        if (char === "\x7f" || char === "\b") secret = secret.slice(0, -1);
        else secret += char;
      }
    }
    return undefined;
  } finally {
    stdin.setRawMode(false);
    stderr.write("\n");
  }
}
