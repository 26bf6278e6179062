/** A first configuration and a first script, for who starts `siproc run` where there is none. */

export const firstConfig = `routes:
  - { to: "*", script: hello.ts }
`;

export const firstScript = `export default async function (call: Call) {
  await call.answer();
  await call.echo();
  for await (const event of call) console.log(event.type);
}
`;

const indented = (text: string) => text.trimEnd().replace(/^/gm, "  ");

export const noConfiguration = `siproc: there is no siproc.yaml in this folder
Name another file: siproc run FILE. Or let siproc init make one, with comments. Or make this one, siproc.yaml:

${indented(firstConfig)}

and beside it hello.ts, which answers every call and sends back its sound:

${indented(firstScript)}
`.trimEnd();
