// SPDX-License-Identifier: GPL-3.0-or-later
/** The programs and files that the documentation shows, run as a reader would run them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { createTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';
import { waitFor } from './wait-for.ts';

const root = join(import.meta.dirname, '../..');

/** The first example of a page in a language, such as `js`. */
export function exampleIn(page: string, language: string): string {
  return examplesIn(page, language)[0] ?? '';
}

/** The examples of a page in a language, in their order. Throws if there is none. */
export function examplesIn(page: string, language: string): string[] {
  const text = readFileSync(join(root, 'docs', page), 'utf8');
  const found = [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))];
  if (found.length === 0) throw new Error(`docs/${page} has no example in ${language}`);
  return found.map(([, example = '']) => example);
}

/** A program that runs. */
export type DocumentedProgram = { url: string; output(): string; stop(): Promise<void> };

/** Runs the first program of a page, which listens on a port that is free here. */
export async function startDocumentedProgram(
  page: string,
  env: Record<string, string>,
): Promise<DocumentedProgram> {
  const port = await freePort();
  const folder = await createTemporaryFolder('documented');
  const file = join(folder, 'program.mjs');
  await writeFile(file, exampleIn(page, 'js').replace(/\.listen\(\d+/, `.listen(${port}`));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const child = spawn(process.execPath, [file], { env: { ...process.env, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    await removeTemporaryFolder(folder);
  };
  const isListening = () =>
    new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      const end = (is: boolean) => {
        socket.destroy();
        resolve(is);
      };
      socket.on('connect', () => end(true)).on('error', () => end(false));
    });
  await waitFor('program that listens', isListening).catch(async (error) => {
    await stop();
    throw new Error(`the program of docs/${page} does not listen:\n${output}`, { cause: error });
  });
  return { url: `http://127.0.0.1:${port}`, output: () => output, stop };
}
