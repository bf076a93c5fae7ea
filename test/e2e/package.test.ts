// SPDX-License-Identifier: GPL-3.0-or-later
/** The package as a user gets it: packed, installed in an empty folder, and run from there. */
import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startBundledPostgres } from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { endOf, exitOf } from '../support/end-of-process.ts';
import { waitFor } from '../support/wait-for.ts';

const root = join(import.meta.dirname, '../..');
// The slowest installs packages.
const endMsMax = 250_000;
// npm downloads from the registry, and retries.
const installMsMax = 400_000;
const packedBytesMax = 860_000;
const unpackedBytesMax = 3_200_000;
// What a browser loads for the console, and the licences, compressed by gzip.
const consoleBytesMax = 90_000;

type Packed = { filename: string; size: number; unpackedSize: number; files: { path: string }[] };

let folder: string;
let packed: Packed;
/** npm's output when it could not reach the registry; undefined when the package is installed. */
let unreachable: string | undefined;

type Ended = { code: number | null; output: string };

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

/** Runs a command in the folder of the installation, without the environment of this process. */
function launch(command: string, args: string[], env: Record<string, string> = {}, cwd = folder) {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, {
    ...{ cwd, env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exited = exitOf(child);
  const ended = async (): Promise<Ended> => {
    const { code } = await endOf({ child, exited, output: () => output }, endMsMax);
    return { code, output };
  };
  const signal = (name: NodeJS.Signals) => process.kill(-(child.pid ?? 0), name);
  return { output: () => output, ended, signal };
}

const run = (command: string, args: string[], env?: Record<string, string>, cwd?: string) =>
  launch(command, args, env, cwd).ended();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-package-'));
  await chmod(folder, 0o755);
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { output } = await run('npm', args, {}, root);
  packed = JSON.parse(output.slice(output.indexOf('['), output.lastIndexOf(']') + 1))[0];
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

describe('the package', () => {
  const shipped = [
    /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|openapi\.json|docs\/(?:client|embedding)\.md|examples\/embed\.mjs)$/,
    /^examples\/client-[a-z]+\/[a-z]+\.(?:mjs|js|html)$/,
    /^dist\/.*\.js$/,
    /^dist\/(?:adapters|proof)\/[a-z0-9_/-]+\.sql$/,
    /^dist\/console\/(?:index\.html|licences\.md|assets\/[a-z0-9-]+-[\w-]{8}\.(?:js|css|svg))$/i,
    /^dist\/(?:library|entrypoints\/library\/[a-z-]+|core\/.*|client|client\/[a-z-]+)\.d\.ts$/,
  ];

  it('holds the compiled source, its SQL and its documents, and nothing else', async () => {
    const paths = packed.files.map(({ path }) => path);
    expect(paths.filter((path) => !shipped.some((pattern) => pattern.test(path)))).toEqual([]);
    const source = (await readdir(join(root, 'src'), { recursive: true }))
      .filter((path) => /\.(?:ts|sql)$/.test(path) && !path.endsWith('.test.ts'))
      .filter((path) => !path.startsWith('console/'))
      .map((path) => `dist/${path.replace(/\.ts$/, '.js')}`);
    const compiled = paths.filter((path) => /^dist\/(?!console\/).*\.(?:js|sql)$/.test(path));
    expect(compiled.sort()).toEqual(source.sort());
  });

  it('has the console, with the licences of its packages, in 90 KB of compressed files', async () => {
    const names = packed.files
      .map(({ path }) => path)
      // The page does not load the sections of the runbook: they open in a tab of their own.
      .filter((path) => /^dist\/console\/(?!alarms\.)/.test(path));
    const contents = await Promise.all(names.map((name) => readFile(join(root, name))));
    const sizes = contents.map((content) => gzipSync(content, { level: 9 }).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(consoleBytesMax);
    const licences = String(contents[names.indexOf('dist/console/licences.md')]);
    const bundled = [...licences.matchAll(/^## (\S+) - .* \(MIT\)$/gm)].map(([, name]) => name);
    expect(bundled).toContain('preact');
    const script = String(contents[names.findIndex((name) => name.endsWith('.js'))]);
    expect(script).not.toContain('sourceMappingURL');
  });

  it('stays below its size limits', () => {
    expect(packed.size).toBeLessThan(packedBytesMax);
    expect(packed.unpackedSize).toBeLessThan(unpackedBytesMax);
  });
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
