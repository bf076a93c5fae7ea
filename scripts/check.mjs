// SPDX-License-Identifier: GPL-3.0-or-later
/** `npm run check`: runs types, lint and unit tests at the same time and prints the output of those that fail. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

const checks = {
  types: ['tsc', '-p', 'tsconfig.json'],
  client: ['tsc', '-p', 'tsconfig.client.json'],
  console: ['tsc', '-p', 'tsconfig.console.json'],
  'console tests': ['tsc', '-p', 'tsconfig.console-tests.json'],
  lint: ['biome', 'check', '--error-on-warnings', '.'],
  unit: ['vitest', 'run', '--project', 'unit'],
};

const isTerminal = process.stdout.isTTY === true;
const env = { ...process.env, ...(isTerminal && { FORCE_COLOR: '1' }) };

/**
 * Runs one check to its end. npm puts the programs of `node_modules/.bin` on the path.
 * @param {string} name
 * @param {string[]} command
 */
async function run(name, [program = '', ...args]) {
  const startMs = performance.now();
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      output += `${program} did not start: ${error.message}\n`;
      resolve(1);
    });
    child.once('close', resolve);
  });
  const isPassed = code === 0;
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const lastLine = output.trimEnd().split('\n').at(-1) ?? '';
  const summary = isPassed ? lastLine : '';
  if (!isPassed) process.stdout.write(`\n${output.trimEnd()}\n`);
  const line = `${isPassed ? 'passed' : 'FAILED'}  ${name.padEnd(13)} ${seconds.padStart(5)} s`;
  process.stdout.write(`${`${line}  ${summary}`.trimEnd()}\n`);
  return isPassed;
}

// With one core, checks that run at the same time only slow each other down.
const isParallel = availableParallelism() > 1;
const results = [];
for (const [name, command] of Object.entries(checks)) {
  const result = run(name, command);
  results.push(isParallel ? result : await result);
}
process.exitCode = (await Promise.all(results)).every(Boolean) ? 0 : 1;
