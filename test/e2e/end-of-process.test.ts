// SPDX-License-Identifier: GPL-3.0-or-later
/** What a test says of a program that does not end. */
import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { endOf, exitOf, reportOptions } from '../support/end-of-process.ts';
import { waitFor } from '../support/wait-for.ts';

/** Starts Node with a program, and waits until the program has written a line. */
async function start(program: string) {
  const child = spawn(process.execPath, [...reportOptions, '--eval', program], {
    ...{ stdio: ['ignore', 'pipe', 'inherit'], detached: true },
  });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const started = { child, exited: exitOf(child), output: () => output };
  await waitFor('output', () => output.includes('\n'));
  return started;
}

describe.runIf(process.platform === 'linux')('the wait for the end of a program', () => {
  it('names what keeps a program alive, with its output, and kills it', async () => {
    const hung = await start(`require('net').createServer().listen(0, '127.0.0.1', () =>
      console.log('listens'))`);
    const { message } = await endOf(hung, 1).then(
      () => new Error('ended'),
      (error) => error,
    );
    expect(message).toContain('did not end within 0.001 s');
    expect(message).toMatch(/State|sleeping/);
    expect(message).toContain('"type":"tcp"');
    expect(message).toContain('listens\n');
    expect(await hung.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('says that the event loop does not run when it does not', async () => {
    const hung = await start(`require('fs').writeSync(1, 'turns\\n'); for (;;);`);
    await expect(endOf(hung, 1)).rejects.toThrow('its event loop does not run');
  });

  it('names what holds the output of a program that has ended', async () => {
    const hung = await start(`const { spawn } = require('child_process');
      spawn('sleep', ['987'], { stdio: ['ignore', 'inherit', 'ignore'] }).unref();
      console.log('started');`);
    await waitFor('exit', () => hung.child.exitCode !== null);
    await expect(endOf(hung, 1)).rejects.toThrow(/exit code 0, output open[\s\S]*sleep 987/);
    await hung.exited;
  });
});
