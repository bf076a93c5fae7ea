// SPDX-License-Identifier: GPL-3.0-or-later
/** The Dockerfile carried out in folders, and what it makes started as a container would start it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBundledPostgres } from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { buildInFolders, envOf, lastOf, lastStage, listIn } from '../support/dockerfile.ts';
import { endOf, exitOf, type Started } from '../support/end-of-process.ts';
import { freePort } from '../support/free-port.ts';
import { familyOf, killFamily } from '../support/process-family.ts';
import { waitFor } from '../support/wait-for.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const buildMsMax = 400_000;
const startMsMax = 60_000;
// The image's user `node`. Where the tests are not root, what belongs to them must do.
const isRoot = process.getuid?.() === 0;
const account = isRoot ? { uid: 1000, gid: 1000 } : {};

const image = lastStage(readFileSync(join(root, 'Dockerfile'), 'utf8'));
const workDir = lastOf(image, 'WORKDIR') ?? '';

let folder: string;
let imageRoot: string;
let child: ChildProcess | undefined;

/** Starts what the image starts, with what `docker run --env` would add. */
function startImage(env: Record<string, string>): Started {
  const [program = '', ...args] = [
    ...listIn(lastOf(image, 'ENTRYPOINT')),
    ...listIn(lastOf(image, 'CMD')),
  ];
  return watched(
    spawn(join(imageRoot, program), args, {
      cwd: join(imageRoot, workDir),
      env: { PATH: process.env.PATH ?? '', ...envOf(image), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...account,
    }),
  );
}

function watched(process: ChildProcess): Started {
  child = process;
  let output = '';
  for (const stream of [process.stdout, process.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { child: process, exited: exitOf(process), output: () => output };
}

/** The same as process 1 of a container whose root is read-only, with no folder for temporary files. */
function startReadOnly(env: Record<string, string>): Started {
  const command = [
    ...listIn(lastOf(image, 'ENTRYPOINT')).map((path) => join(imageRoot, path)),
    ...listIn(lastOf(image, 'CMD')),
  ];
  const script = [
    'set -e',
    'mount --make-rprivate /',
    'mount -t proc proc /proc',
    'mount --bind "$1" "$1"',
    'mount -o remount,ro,bind "$1"',
    'cd "$1"',
    'touch probe || true',
    'shift',
    'exec setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs --bounding-set=-all "$@"',
  ];
  const root = ['bash', '-c', script.join('\n'), 'bash', imageRoot, ...command];
  return watched(
    spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', ...root], {
      env: { PATH: process.env.PATH ?? '', ...envOf(image), TMPDIR: imageRoot, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-image-'));
  await chmod(folder, 0o755);
  imageRoot = await buildInFolders(root, folder);
  const data = join(imageRoot, workDir);
  if (isRoot) await chown(data, 1000, 1000);
}, buildMsMax);

afterAll(async () => {
  if (child?.pid !== undefined && child.exitCode === null) killFamily(child.pid);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

describe('the image', () => {
  it('contains the program and its dependencies, and no development dependency', () => {
    const { dependencies, devDependencies } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    );
    const has = (name: string) => existsSync(join(imageRoot, 'app/node_modules', name));
    expect(Object.keys(dependencies).filter((name) => !has(name))).toEqual([]);
    // What a dependency itself depends on is there, even if a development dependency uses it too.
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const only = Object.keys(devDependencies).filter((name) => lock[`node_modules/${name}`].dev);
    expect(only).toContain('vitest');
    expect(only.filter(has)).toEqual([]);
    expect(readdirSync(join(imageRoot, 'app')).sort()).toEqual([
      ...['LICENSE', 'dist', 'node_modules', 'package.json'],
    ]);
  });

  it('refuses to start on an open address without a key', async () => {
    const refused = startImage({ PORT: String(await freePort()) });
    const { code } = await endOf(refused);
    expect(code).toBe(1);
    expect(refused.output()).toContain('set ADMIN_API_KEY, or ALLOW_ANONYMOUS_ADMIN=true');
  });

  it.runIf(isRoot)('serves as process 1 on a read-only root, and stops on SIGTERM', async () => {
    const database = join(folder, 'postgres');
    await mkdir(database);
    await chmod(database, 0o755);
    const postgres = await startBundledPostgres({
      ...{ dataDir: join(database, 'data'), say: () => undefined, log: () => undefined },
    });
    try {
      const port = String(await freePort());
      const env = { PORT: port, ALLOW_ANONYMOUS_ADMIN: 'true', DATABASE_URL: postgres.url };
      const container = startReadOnly(env);
      const url = `http://127.0.0.1:${port}`;
      const ready = () => {
        if (container.child.exitCode !== null) throw new Error(container.output());
        return fetch(`${url}/readyz`);
      };
      await waitFor('answer', ready, { timeoutMs: startMsMax });
      const body = JSON.stringify({ name: 'LAUNCH', amount: 1 });
      const created = await fetch(`${url}/api/coupons`, { method: 'POST', body });
      expect(created.status).toBe(201);
      // The page of the API is read from the image at the first request.
      expect((await fetch(`${url}/docs/`)).status).toBe(200);
      const service = familyOf(container.child.pid ?? 0).find(({ command }) =>
        /^node /.test(command),
      );
      const status = readFileSync(`/proc/${service?.pid}/status`, 'utf8');
      expect(status).toMatch(/^NSpid:\t\d+\t1$/m);
      expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m);
      expect(status).toMatch(/^CapBnd:\t0+$/m);
      process.kill(service?.pid ?? 0, 'SIGTERM');
      const { code } = await endOf(container);
      expect({ code, output: container.output() }).toMatchObject({
        ...{ code: 0, output: expect.stringMatching(/stopped\n$/) },
      });
      expect(container.output()).toContain("'probe': Read-only file system");
    } finally {
      if (child?.pid !== undefined && child.exitCode === null) killFamily(child.pid);
      await postgres.stop();
    }
  });

  it('starts its own database, has no right to change the program, and stops on SIGTERM', async () => {
    const port = String(await freePort());
    const env = { PORT: port, ADMIN_API_KEY: 'a'.repeat(64), CLAIM_API_KEY: 'c'.repeat(64) };
    const started = startImage(env);
    const { child: service, output } = started;
    const url = `http://127.0.0.1:${port}`;
    const answer = await waitFor(
      'answer',
      () => {
        if (service.exitCode !== null) throw new Error(output());
        return fetch(`${url}/health`);
      },
      { timeoutMs: startMsMax },
    );
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ status: 'healthy', database: 'bundled' });
    expect(existsSync(join(imageRoot, workDir, '.firstcome'))).toBe(true);

    const [program = '', ...args] = listIn(lastOf(image, 'HEALTHCHECK'));
    const options = { cwd: join(imageRoot, workDir), ...account };
    const path = process.env.PATH ?? '';
    await run(program, args, { ...options, env: { PATH: path, PORT: port } });
    const otherPort = { PATH: path, PORT: String(await freePort()) };
    await expect(run(program, args, { ...options, env: otherPort })).rejects.toThrow();

    // The process that a container would begin with is node itself, which receives signals.
    const [first] = familyOf(service.pid ?? 0);
    expect(first?.command).toMatch(/^node .*main\.js serve$/);
    service.kill('SIGTERM');
    const { code } = await endOf(started);
    expect(code).toBe(0);
  });
});
