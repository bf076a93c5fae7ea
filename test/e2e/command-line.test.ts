// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { endServiceProcesses, runToEnd } from '../support/service-process.ts';

const printLoads = pathToFileURL(join(import.meta.dirname, '../support/print-loads.mjs')).href;

afterEach(endServiceProcesses);

/** What a command loads: the packages, and the parts of the program by their folders or files. */
async function loadsOf(args: string[]): Promise<{ packages: string[]; parts: string[] }> {
  const { code, output } = await runToEnd({ NODE_OPTIONS: `--import=${printLoads}` }, args);
  expect(code, output).toBe(0);
  const urls = [...output.matchAll(/^loads file:(\S+)$/gm)].map(([, path = '']) => path);
  const found = (pattern: RegExp) =>
    [...new Set(urls.flatMap((path) => pattern.exec(path)?.[1] ?? []))].sort();
  return {
    // Where the source runs without a build, what compiles it is loaded too.
    packages: found(/\/node_modules\/((?:@[^/]+\/)?[^/]+)/).filter(
      (name) => !['tsx', 'esbuild', 'get-tsconfig'].includes(name),
    ),
    parts: found(/\/(?:dist|src)\/(config|app\.|(?:adapters|proof|entrypoints)\/[^/.]+)/),
  };
}

describe('a command that only prints', () => {
  const light = ['entrypoints/cli', 'proof/drill'];

  it.each([[['--version']], [['--help']]])('%j loads no package', async (args) => {
    expect(await loadsOf(args)).toEqual({ packages: [], parts: light });
  });

  it.each([[['config']], [['help', 'settings']]])('%j loads the settings alone', async (args) => {
    expect(await loadsOf(args)).toEqual({
      ...{ packages: [], parts: ['config', ...light] },
    });
  });

  it.each([[['serve', '--help']], [['drill', '--help']]])(
    '%j loads the parser and nothing of the service',
    async (args) => {
      expect(await loadsOf(args)).toEqual({ packages: ['commander'], parts: light });
    },
  );
});
