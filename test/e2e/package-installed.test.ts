// SPDX-License-Identifier: GPL-3.0-or-later
/** The package as a user gets it: packed, installed in an empty folder, and run from there. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startBundledPostgres } from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { launchIn, packInto } from '../support/npm-package.ts';
import { waitFor } from '../support/wait-for.ts';

const root = join(import.meta.dirname, '../..');
// npm downloads from the registry, and retries.
const installMsMax = 400_000;

let folder: string;
/** npm's output when it could not reach the registry; undefined when the package is installed. */
let unreachable: string | undefined;

/** Loads the page of the console, and what it loads. */
async function expectConsole(url: string): Promise<void> {
  const html = await (await fetch(`${url}/console`)).text();
  expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\sstyle=|\son\w+=/i);
  const links = [...html.matchAll(/\s(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link);
  expect(links.some((link) => link.endsWith('.js'))).toBe(true);
  for (const link of links) {
    expect(link).toMatch(/^\/console\/assets\//);
    expect((await fetch(url + link)).status, link).toBe(200);
  }
}

/** The JavaScript programs of a page. */
const programsIn = (page: string) =>
  [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, program = '']) => program);

const launch = (command: string, args: string[], env?: Record<string, string>) =>
  launchIn(folder, command, args, env);

const run = (command: string, args: string[], env?: Record<string, string>) =>
  launch(command, args, env).ended();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-package-'));
  await chmod(folder, 0o755);
  const packed = await packInto(folder);
  await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  const { devDependencies, dependencies } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  );
  const install = await run('npm', [
    ...['install', '--ignore-scripts', '--prefer-offline', '--engine-strict', '--no-audit'],
    ...[`./${packed.filename}`, `pg@${dependencies.pg}`],
    ...['@types/pg', '@types/node'].map((name) => `${name}@${devDependencies[name]}`),
  ]);
  const isOffline =
    /\b(?:ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT)\b/;
  // npm also prints errors after which a retry succeeded.
  if (install.code !== 0 && isOffline.test(install.output)) unreachable = install.output;
  else expect(install.code, install.output).toBe(0);
}, installMsMax);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

describe('the package in an empty folder', () => {
  beforeEach(({ skip }) => {
    skip(unreachable !== undefined, 'the registry cannot be reached');
  });

  it('prints its help', async () => {
    const { code, output } = await run('npx', ['firstcome', '--help']);
    expect(code, output).toBe(0);
    expect(output).toContain('Usage: firstcome');
  });

  it('serves with the bundled PostgreSQL, and stops on SIGTERM', async () => {
    const env = { PORT: '0', DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'warn' };
    const service = launch('npx', ['firstcome', 'serve'], env);
    try {
      const url = await waitFor(
        'address of the service',
        () => /serves on (http:\S+)/.exec(service.output())?.[1],
        { timeoutMs: 120_000 },
      );
      const post = async (path: string, body: object) => {
        const answer = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
        return answer.status;
      };
      expect(await post('/api/coupons', { name: 'LAUNCH', amount: 1 })).toBe(201);
      const claim = (userId: string) =>
        post('/api/coupons/claim', { user_id: userId, coupon_name: 'LAUNCH' });
      expect(await claim('ada')).toBe(200);
      expect(await claim('eve')).toBe(400);
      await expectConsole(url);
      // The program of the page about the client, which finds this coupon and this claim.
      const page = join(folder, 'node_modules/firstcome/docs/client.md');
      const [program = ''] = programsIn(await readFile(page, 'utf8'));
      await writeFile(join(folder, 'client.mjs'), program.replace('http://127.0.0.1:8080', url));
      expect(await run(process.execPath, ['client.mjs'])).toEqual({
        code: 0,
        output: 'yours already: number 1\n',
      });
    } finally {
      service.signal('SIGTERM');
    }
    expect((await service.ended()).output).toContain('stopped');
  });

  it('runs the programs of the pages about embedding', async () => {
    await mkdir(join(folder, 'postgres'));
    await chmod(join(folder, 'postgres'), 0o755);
    const postgres = await startBundledPostgres({
      ...{ dataDir: join(folder, 'postgres/data'), say: () => undefined, log: () => undefined },
    });
    const installed = (path: string) =>
      readFile(join(folder, 'node_modules/firstcome', path), 'utf8');
    const runText = async (name: string, text: string) => {
      await writeFile(join(folder, name), text);
      return run(process.execPath, [name], { DATABASE_URL: postgres.url });
    };
    try {
      const example = await installed('examples/embed.mjs');
      expect(await runText('example.mjs', example)).toEqual({
        code: 0,
        output: 'ada: claimed\nbob: claimed\neve: sold_out\n2 of 2 claimed, by ada and bob\n',
      });
      const [page = '', commonJs = ''] = programsIn(await installed('docs/embedding.md'));
      expect(await runText('page.mjs', page)).toEqual({ code: 0, output: '1\n' });
      const before = `const pg = require('pg');\nconst pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });`;
      const after = `startEngine(pool).then(async (engine) => {
        console.log(engine.durability);
        await engine.stop();
        await pool.end();
      });`;
      expect(await runText('page.cjs', `${before}\n${commonJs}\n${after}`)).toEqual({
        code: 0,
        output: 'local\n',
      });

      const [readme = ''] = programsIn(await installed('README.md'));
      const pool = `import pg from 'pg';\nconst pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });`;
      // The program of the previous page has claimed that coupon for this user.
      expect(
        await runText(
          'readme.mjs',
          `${pool}\n${readme}\nconsole.log(outcome);\nawait firstcome.stop();\nawait pool.end();`,
        ),
      ).toEqual({ code: 0, output: 'already_claimed\n' });
    } finally {
      await postgres.stop();
    }
  });

  it('has types for a strict program outside the repository', async () => {
    const lines = [
      `import { AppError, type ClaimOutcome, createFirstcome, type FirstcomeOptions } from 'firstcome';`,
      `import pg from 'pg';`,
      `const options: FirstcomeOptions = { pool: new pg.Pool(), claimTimeoutMs: 2_000 };`,
      'const firstcome = await createFirstcome(options);',
      `const result: ClaimOutcome = await firstcome.claim({ couponName: 'A', userId: 'b' });`,
      `if (result.outcome === 'claimed') result.claim.position.toFixed();`,
      '// @ts-expect-error: a refusal holds no claim',
      `if (result.outcome === 'sold_out') result.claim;`,
      '// @ts-expect-error: there is no such option',
      'await createFirstcome({ ...options, lanes: 1 });',
      `new AppError('internal', { detail: '' }).code;`,
    ];
    const linesOfClient = [
      `import { type ClaimResult, FirstcomeClient } from 'firstcome/client';`,
      `const client = new FirstcomeClient({ url: 'http://127.0.0.1:8080', coalesce: true });`,
      `const result: ClaimResult = await client.claim({ coupon_name: 'A', user_id: 'b' });`,
      `if (result.outcome === 'claimed') result.claim.position.toFixed();`,
      `if (result.outcome === 'already_claimed') result.problem.claim?.claim_id.trim();`,
      '// @ts-expect-error: a refusal holds no claim',
      `if (result.outcome === 'sold_out') result.claim;`,
      '// @ts-expect-error: a confirm names its claim',
      `await client.confirmClaim({ coupon_name: 'A', user_id: 'b' });`,
      'for await (const coupon of client.eachCoupon()) coupon.remaining_amount.toFixed();',
      'export {};',
    ];
    await writeFile(join(folder, 'typed.ts'), lines.join('\n'));
    await writeFile(join(folder, 'client.ts'), linesOfClient.join('\n'));
    await writeFile(
      join(folder, 'required.cts'),
      `import { createFirstcome } from 'firstcome';\nimport pg = require('pg');\n` +
        'export const starting = createFirstcome({ pool: new pg.Pool() });\n',
    );
    const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false };
    const compilerOptions = { ...strict, noEmit: true, target: 'es2023', types: ['node'] };
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const typed = ['typed.ts', 'client.ts'];
    for (const { files, ...modules } of [
      { module: 'nodenext', moduleResolution: 'nodenext', files: [...typed, 'required.cts'] },
      { module: 'node16', moduleResolution: 'node16', files: typed },
      { module: 'esnext', moduleResolution: 'bundler', files: typed },
      // In a project for browsers, which has no types of Node.
      {
        ...{ module: 'esnext', moduleResolution: 'bundler', types: [], files: ['client.ts'] },
        lib: ['es2023', 'dom', 'dom.asynciterable'],
      },
    ]) {
      const project = { compilerOptions: { ...compilerOptions, ...modules }, files };
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(project));
      const { code, output } = await run(process.execPath, [compiler, '-p', folder]);
      expect({ ...modules, code, output }).toEqual({ ...modules, code: 0, output: '' });
    }
  });
});
