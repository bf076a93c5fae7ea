// SPDX-License-Identifier: GPL-3.0-or-later
/** The commands of the bench, with numbers so small that each measures for about a second. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findGenerator, wrkMissing } from '../../bench/load.ts';
import { hasRabbitMq, rabbitMqMissing } from '../../bench/rabbitmq.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const root = join(import.meta.dirname, '../..');

let folder: string;

beforeAll(async () => {
  folder = await createTemporaryFolder('bench');
});

afterAll(() => removeTemporaryFolder(folder));

/** Runs a program of the bench to its end, without building first. */
function run(program: string, args: string[]): Promise<{ code: number; output: string }> {
  const command = [join(root, 'node_modules/.bin/tsx'), join(root, 'bench', program), ...args];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, command, { cwd: root }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr });
    });
  });
}

/** The result that a program has written, after it has ended well. */
async function resultOf(program: string, args: string[]): Promise<Record<string, unknown>> {
  const file = join(folder, `${program}.json`);
  const { code, output } = await run(program, [...args, '--folder', folder, '--output', file]);
  expect(code, output).toBe(0);
  return JSON.parse(await readFile(file, 'utf8'));
}

describe('the commands of the bench', () => {
  it('npm run bench compares firstcome with others, and each audit passes', async ({ skip }) => {
    if (findGenerator() === undefined) skip(wrkMissing);
    const { runs } = await resultOf('bench.ts', [
      ...['--quick', '--only', 'hot', '--rounds', '1', '--seconds', '1', '--connections', '4'],
    ]);
    const targets = ['empty handler', 'firstcome', 'usual design'];
    expect(runs).toEqual(
      expect.arrayContaining(
        targets.map((kind) =>
          expect.objectContaining({ target: expect.objectContaining({ kind }), violations: [] }),
        ),
      ),
    );
  });

  it('npm run bench compares batch calls and the client, and each audit passes', async ({
    skip,
  }) => {
    if (findGenerator() === undefined) skip(wrkMissing);
    const { runs } = await resultOf('bench.ts', [
      ...['--only', 'batch', '--rounds', '1', '--seconds', '1'],
    ]);
    const workloads = ['batch calls of 10', 'batch calls of 100', 'batch calls of 1,000'];
    const clients = ['client, coalescing', 'client, one caller'];
    for (const workload of ['hot coupon', ...workloads, ...clients]) {
      expect(runs).toContainEqual(expect.objectContaining({ workload, violations: [] }));
    }
    expect(runs).toContainEqual(
      expect.objectContaining({ target: { kind: 'engine without HTTP' }, violations: [] }),
    );
  });

  it('npm run bench:million drills a few users, and the audit passes', async () => {
    const result = await resultOf('million.ts', [
      ...['--users', '500', '--units', '50', '--connections', '16'],
    ]);
    expect(result).toMatchObject({ counts: { claimed: 50 }, violations: [] });
  });

  it('npm run bench:overload sends more than the service decides, and the audit passes', async () => {
    const result = await resultOf('overload.ts', [
      ...['--times', '1', '--seconds', '4', '--connections', '16', '--neighbours', '0'],
    ]);
    expect(result).toMatchObject({ loads: [{ times: 1 }], violations: [] });
  });

  it('npm run bench:commands measures each command', async () => {
    const { code, output } = await run('commands.ts', ['--rounds', '1']);
    expect(code, output).toBe(0);
    for (const command of ['node -e 0', '--version', '--help', 'config']) {
      expect(output).toContain(command);
    }
    expect(output).not.toContain('NaN');
  });

  it('npm run bench:failover freezes the standby, and loses no claim', async () => {
    const { code, output } = await run('failover.ts', [
      ...['--only', 'stalls', '--stalls', '1', '--connections', '4', '--folder', folder],
    ]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/^stall: from the freeze of the standby to \/readyz 503 [\d,]+ ms /m);
    expect(output).toMatch(/ acknowledged claims, 0 of them lost$/m);
    expect(output).not.toMatch(/NaN|Infinity/);
  });

  it('npm run bench:durability compares claims that require a standby with others', async ({
    skip,
  }) => {
    if (findGenerator() === undefined) skip(wrkMissing);
    const { code, output } = await run('durability.ts', [
      ...['--rounds', '1', '--turns', '1', '--folder', folder],
    ]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/^connections 1: .*; replicated\/local \d\.\d{3} /m);
    expect(output).toMatch(/^connections 64: .*; replicated\/local \d\.\d{3} /m);
    expect(output).not.toMatch(/NaN|Infinity/);
  });

  it('npm run bench:sagas runs a few sagas, and compares with plain calls', async () => {
    const { code, output } = await run('sagas.ts', [
      ...['--sagas', '50', '--rounds', '1', '--folder', folder],
    ]);
    expect(code, output).toBe(0);
    expect(output).toContain('at least 0.25 is the goal');
    expect(output).not.toContain('NaN');
  });

  it('npm run bench:webhooks delivers a backlog and compares with plain requests', async () => {
    const { code, output } = await run('webhooks.ts', [
      ...['--events', '600', '--rounds', '1', '--folder', folder],
    ]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/ratio to plain requests: \d+\.\d\d/);
    expect(output).toMatch(/peak memory of the sender: \d/);
    expect(output).not.toMatch(/NaN|Infinity/);
  });

  it('npm run bench:claims-with-events compares claims with a webhook and sagas and without', async ({
    skip,
  }) => {
    if (findGenerator() === undefined) skip(wrkMissing);
    const { code, output } = await run('claims-with-events.ts', [
      ...['--starts', '1', '--pairs', '1', '--seconds', '1', '--warm-seconds', '1'],
      ...['--rest-seconds', '1', '--connections', '4', '--folder', folder],
    ]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/^webhook to plain, median ratio by claims a second: \d+\.\d\d /m);
    for (const base of ['plain', 'hold']) {
      expect(output).toMatch(
        RegExp(`^saga to ${base}, median ratio by CPU of one claim: [\\d.]+ `, 'm'),
      );
    }
    expect(output).not.toMatch(/NaN|Infinity/);
  });

  it('npm run bench:streams compares claims with event streams and without', async ({ skip }) => {
    if (findGenerator() === undefined) skip(wrkMissing);
    const { code, output } = await run('streams.ts', [
      ...['--streams', '50', '--pairs', '1', '--warm-seconds', '1', '--connections', '4'],
      ...['--folder', folder],
    ]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/^claims a second: \d+\.\d\d beside open streams, \d+\.\d\d beside /m);
    expect(output).toMatch(/^memory at the end: .* more, under 100 MB is the goal$/m);
    expect(output).toMatch(/^all streams showed the last claim within /m);
    expect(output).not.toMatch(/NaN|Infinity/);
  });

  it('npm run bench:console compares claims that operators watch with others', async ({ skip }) => {
    if (findGenerator() === undefined) skip(wrkMissing);
    const file = join(folder, 'console.json');
    const { code, output } = await run('console.ts', [
      ...['--pairs', '2', '--warm-seconds', '1', '--connections', '4', '--operators', '2'],
      ...['--folder', folder, '--output', file],
    ]);
    expect(code, output).toBe(0);
    expect(output).toMatch(
      /^claims a second, watched to unwatched: median ratio \d\.\d{3}, half of the 2 /m,
    );
    expect(JSON.parse(readFileSync(file, 'utf8')).pairs).toHaveLength(2);
    expect(output).not.toMatch(/NaN|Infinity/);
  });

  it('npm run bench:queue compares queued claims with an empty handler and the engine', async ({
    skip,
  }) => {
    if (findGenerator() === undefined) skip(wrkMissing);
    if (!hasRabbitMq()) skip(rabbitMqMissing);
    const { code, output } = await run('queue.ts', [
      ...['--rounds', '1', '--seconds', '1', '--connections', '4', '--tickets', '500'],
      ...['--folder', folder],
    ]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/^waited for to empty handler: median ratio \d+\.\d\d /m);
    expect(output).toMatch(/^drain to engine: \d+\.\d\d, at least 0\.5 is the goal$/m);
    expect(output).not.toMatch(/NaN|Infinity/);
  });

  it('npm run bench:levelling decides all claims of a spike that were queued', async ({ skip }) => {
    if (!hasRabbitMq()) skip(rabbitMqMissing);
    const file = join(folder, 'levelling.svg');
    const { code, output } = await run('levelling.ts', [
      ...['--rate', '500', '--seconds', '1', '--folder', folder, '--output', file],
    ]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/^queued: 500 sent, 500 taken, 0 shed, 0 failed, 500 decided /m);
    expect(await readFile(file, 'utf8')).toContain('queued: decided');
  });

  it.each([
    ['functions.ts', ['--pairs', '1', '--claims', '1000'], 'release'],
    ['batches.ts', ['--batches', '1', '--claims', '3000'], 'false sold_out  0 of'],
  ])('bench/%s measures batches of each kind', async (program, args, last) => {
    const { code, output } = await run(program, [...args, '--folder', folder]);
    expect(code, output).toBe(0);
    expect(output).toContain(last);
    expect(output).not.toContain('NaN');
  });
});
