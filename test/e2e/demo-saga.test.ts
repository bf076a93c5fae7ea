// SPDX-License-Identifier: GPL-3.0-or-later
/** `npm run demo:saga` as a newcomer runs it, without a terminal. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { linesOf } from '../../examples/demo-saga/drawing.ts';
import { isOver, judge } from '../../examples/demo-saga/verdict.ts';
import { endOf, exitOf } from '../support/end-of-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const root = join(import.meta.dirname, '../..');
// Only a machine that stands still for minutes exceeds it.
const timeout = 400_000;
const crowdMsMax = 240_000;
const endMsMax = 300_000;
const program = ['--import', 'tsx', 'examples/demo-saga/demo-saga.ts'];

const steps: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of steps.splice(0).reverse()) await step();
});

/** Starts the demonstration, with all its files in a folder of the test. */
async function started() {
  const folder = await createTemporaryFolder('demo-test');
  steps.push(() => removeTemporaryFolder(folder));
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, program, {
    ...{ cwd: root, env: { PATH, HOME, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exited = exitOf(child);
  const ended = () => endOf({ child, exited, output: () => output }, endMsMax);
  steps.push(async () => {
    child.kill('SIGTERM');
    await ended();
  });
  /** Resolves when the first counts are printed, or the program has ended. */
  const crowd = () =>
    waitFor('crowd', () => child.exitCode !== null || output.includes('under way'), {
      timeoutMs: crowdMsMax,
    });
  return { child, folder, output: () => output, ended, crowd };
}

describe('the demonstration of sagas', { timeout }, () => {
  it('gives all units, and claims and books agree in lines of at most 80 columns', async () => {
    const { output, ended, folder } = await started();
    expect(await ended(), output()).toEqual({ code: 0, signal: null });
    expect(output()).toMatch(
      /^Units {3}200 of 200 given; [1-9]\d* claims released, and their units back$/m,
    );
    expect(output()).toMatch(/^Money {3}200 payments captured and kept: 3998 EUR$/m);
    expect(output()).toMatch(/^Points {2}200 grants kept: 20000 points; [1-9]\d* revoked$/m);
    expect(output()).toMatch(/Saga of user-1 \([\da-f-]{36}\): compensated$/m);
    expect(
      output()
        .split('\n')
        .filter((line) => line.length > 80),
    ).toEqual([]);
    expect(readdirSync(folder).filter((name) => name.startsWith('firstcome-'))).toEqual([]);
  });

  it('ends everything that it has started when it is interrupted', async () => {
    const { child, output, ended, folder, crowd } = await started();
    await crowd();
    expect(child.exitCode, output()).toBe(null);
    const [files = ''] = readdirSync(folder).filter((name) => name.startsWith('firstcome-demo-'));
    const data = join(folder, files, 'data');
    const [postmaster = ''] = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter(
      (path) => path.endsWith('postmaster.pid'),
    );
    const pid = Number(readFileSync(join(data, postmaster), 'utf8').split('\n')[0]);
    child.kill('SIGINT');
    expect(await ended(), output()).toEqual({ code: 1, signal: null });
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(existsSync(join(folder, files))).toBe(false);
  });

  it('says which process has ended when one of them is killed', async () => {
    const { child, output, ended, folder, crowd } = await started();
    await crowd();
    expect(child.exitCode, output()).toBe(null);
    process.kill(serviceOf(folder), 'SIGKILL');
    expect(await ended(), output()).toEqual({ code: 1, signal: null });
    expect(output()).toContain('The demonstration failed: main.js has ended (SIGKILL)\n');
  });
});

/** The process of the service whose data is in a folder. */
function serviceOf(folder: string): number {
  const textOf = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8');
    } catch {
      return '';
    }
  };
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const isService = (pid: string) =>
    textOf(pid, 'cmdline').includes('dist/main.js\0serve') &&
    textOf(pid, 'environ').includes(`DATA_DIR=${folder}/`);
  return Number(pids.find(isService));
}

describe('the verdict of the demonstration', () => {
  const claims = [
    { claim_id: 'a', user_id: 'ada', state: 'confirmed', saga_id: 's' },
    { claim_id: 'b', user_id: 'bob', state: 'released', saga_id: 's' },
  ];
  const of = (action: string, claim_id: string, amounts: object) => ({
    action,
    claim_id,
    ...amounts,
  });
  const cents = { amount_cents: 1_999 };
  const right = {
    payment: [
      ...[of('authorize', 'a', cents), of('capture', 'a', cents)],
      ...[of('authorize', 'b', cents), of('capture', 'b', cents)],
      ...[of('refund', 'b', cents), of('void', 'b', { amount_cents: 0 })],
    ],
    loyalty: [
      ...[of('grant', 'a', { points: 100 }), of('grant', 'b', { points: 100 })],
      of('revoke', 'b', { points: 100 }),
    ],
  };

  it('is good where confirmed claims are paid and released ones have nothing left', () => {
    expect(judge({ claims, units: 2, left: 1 }, right)).toEqual({
      differences: [],
      lines: [
        'Units   1 of 2 given; 1 claims released, and their units back',
        'Money   1 payments captured and kept: 19.99 EUR',
        '        given back: 0 voided, 1 refunded',
        'Points  1 grants kept: 100 points; 1 revoked',
      ],
    });
  });

  it.each([
    ['a payment without a claim', 'payment', of('authorize', 'c', cents), /^c is in a book/],
    [
      'a payment that is taken twice',
      'payment',
      of('capture', 'a', cents),
      /^ada: confirmed, 3998/,
    ],
    ['a payment that stays reserved', 'payment', of('authorize', 'b', cents), /1999 reserved/],
    ['points of a released claim', 'loyalty', of('grant', 'b', { points: 1 }), /^bob: .* 1 points/],
  ] as const)('finds %s', (_, book, entry, difference) => {
    const books = { ...right, [book]: [...right[book], entry] };
    expect(judge({ claims, units: 2, left: 1 }, books).differences).toEqual([
      expect.stringMatching(difference),
    ]);
  });

  it('finds a unit that is neither given nor left', () => {
    expect(judge({ claims, units: 2, left: 0 }, right).differences).toEqual([
      '2 units are not 1 confirmed claims and 0 left',
    ]);
  });

  it('finds a confirmed claim that is not paid, and a claim whose saga has not ended', () => {
    const none = { payment: [], loyalty: [] };
    const reserved = {
      ...claims[0],
      claim_id: 'c',
      user_id: 'eve',
      state: 'reserved',
      saga_id: 's',
    };
    expect(judge({ claims: [...claims, reserved], units: 2, left: 1 }, none).differences).toEqual([
      ...['ada: confirmed, 0 cents taken, 0 reserved, 0 points'],
      ...['eve: reserved, 0 cents taken, 0 reserved, 0 points'],
    ]);
  });
});

describe('the end of the demonstration', () => {
  const claims = (...states: string[]) => states.map((state) => ({ state }));

  it.each([
    [true, 'all units are confirmed', claims('confirmed', 'released', 'confirmed'), 5],
    [true, 'nobody waits, and all sagas have ended', claims('confirmed', 'released'), 0],
    [false, 'a saga is under way', claims('confirmed', 'reserved'), 0],
    [false, 'the claims were read before a unit was claimed', claims(), 5],
    [false, 'a unit has come back, and others wait for it', claims('confirmed', 'released'), 5],
  ])('is %j where %s', (expected, _, read, waiting) => {
    expect(isOver({ claims: read, units: 2, waiting })).toBe(expected);
  });
});

describe('the drawing of a saga', () => {
  it('has a line for each step, none of which is wider than 80 columns', () => {
    const step = { participant: 'payment', state: 'done', attempts: 2, last_status: null };
    const lines = linesOf({
      ...{ saga_id: '01a224e3-ff97-8d14-a997-3062321b6b91', user_id: 'u'.repeat(60) },
      ...{ state: 'needs_attention', cause: 'c'.repeat(200) },
      steps: [{ ...step, name: 'authorize', last_error: 'e'.repeat(200) }],
    });
    expect(lines).toHaveLength(3);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines[1]).toMatch(/^ {2}✓ authorize payment done {5}2 calls eee/);
  });
});
