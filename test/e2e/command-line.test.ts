// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { commandOf, endServiceProcesses, launch, runToEnd } from '../support/service-process.ts';

const printLoads = pathToFileURL(join(import.meta.dirname, '../support/print-loads.mjs')).href;

afterEach(endServiceProcesses);

/** The packages and the modules of the program that a command loads; modules by folder or file. */
async function loadsOf(args: string[]): Promise<{ packages: string[]; modules: string[] }> {
  const { code, output } = await runToEnd({ NODE_OPTIONS: `--import=${printLoads}` }, args);
  expect(code, output).toBe(0);
  const urls = [...output.matchAll(/^loads file:(\S+)$/gm)].map(([, path = '']) => path);
  const found = (pattern: RegExp) =>
    [...new Set(urls.flatMap((path) => pattern.exec(path)?.[1] ?? []))].sort();
  return {
    // Without a build, the compiler is loaded too.
    packages: found(/\/node_modules\/((?:@[^/]+\/)?[^/]+)/).filter(
      (name) => !['tsx', 'esbuild', 'get-tsconfig'].includes(name),
    ),
    modules: found(/\/(?:dist|src)\/(config|app\.|(?:adapters|proof|entrypoints)\/[^/.]+)/),
  };
}

describe('a command whose reader has ended', () => {
  it.each([[['drill', '--help']], [['--version']], [['help', 'settings']], [['config']]])(
    'ends as it would otherwise: %j',
    async (args) => {
      const pipe = '{ "$@"; echo "exit code $?" >&2; } | true';
      const started = launch({}, [], ['/bin/sh', '-c', pipe, 'sh', ...commandOf(args)]);
      await started.ended();
      expect(started.output()).toBe('exit code 0\n');
    },
  );
});

describe('a command that only prints', () => {
  const light = ['entrypoints/cli', 'proof/drill'];

  it.each([[['--version']], [['--help']]])('loads no package for %j', async (args) => {
    expect(await loadsOf(args)).toEqual({ packages: [], modules: light });
  });

  it.each([[['config']], [['help', 'settings']]])(
    'loads only the settings for %j',
    async (args) => {
      expect(await loadsOf(args)).toEqual({
        ...{ packages: [], modules: ['config', ...light] },
      });
    },
  );

  it.each([[['serve', '--help']], [['drill', '--help']]])(
    'loads the parser and nothing of the service for %j',
    async (args) => {
      expect(await loadsOf(args)).toEqual({ packages: ['commander'], modules: light });
    },
  );
});
