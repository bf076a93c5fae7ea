// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scanTypeScript } from './support/source-scanner.ts';
import { readTidyFiles } from './support/tidy-files.ts';
import { type TidyRule, type TidyRuleName, tidyRules } from './support/tidy-rules.ts';

const rules = Object.entries(tidyRules) as [TidyRuleName, TidyRule][];
const files = readTidyFiles(join(import.meta.dirname, '..'));

describe('the code base', () => {
  it.each(rules)('%s', (_name, rule) => {
    expect(rule(files)).toEqual([]);
  });

  it('is read at all', () => {
    const paths = files.map(({ path }) => path);
    expect(paths).toContain('src/core/errors.ts');
    expect(paths).toContain('package.json');
    expect(paths.filter((path) => /(?:^|\/)(?:node_modules|dist|\.git)\//.test(path))).toEqual([]);
  });
});

/** Files by path, and the beginnings of what the rule must find in them: all of it, and no more. */
type Planted = { files: Record<string, string>; finds: string[] };

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const migrations = 'src/adapters/postgres/migrations';
const statements = 'src/adapters/postgres/sql';
const slash = '/';

const planted: Record<TidyRuleName, Planted> = {
  'imports point where the import table allows': {
    files: {
      'src/core/a.ts': [
        "import { b } from './claims/b.ts';",
        "import pg from 'pg';",
        "import { join } from 'node:path';",
        "import type { Pool } from '../adapters/postgres/pool.ts';",
        "export * from '../config.ts';",
        "const lazy = await import('../app.ts');",
        "const text = 'import x from \"pg\"'; // import y from 'pg'",
      ].join('\n'),
      'src/core/a.test.ts':
        "import { it } from 'vitest';\nimport '../../test/support/a.ts';\nimport '../app.ts';",
      'src/adapters/postgres/a.ts':
        "import '../../core/a.ts';\nimport './b.ts';\nimport 'pg';\nimport '../prometheus/a.ts';",
      'src/entrypoints/http/a.ts': "import '../cli/cli.ts';\nimport '../../config/settings.ts';",
      'src/entrypoints/library/a.ts':
        "import '../../core/a.ts';\nimport './b.ts';\nimport '../http/schemas.ts';\nimport '../../app/engine.ts';",
      'src/config.ts': "import './config/settings.ts';\nimport './app.ts';",
      'src/main.ts':
        "import './entrypoints/cli/cli.ts';\nimport './app/program.ts';\nimport './entrypoints/http/a.ts';",
      'src/app/program.ts': "import '../config.ts';\nimport '../adapters/a/b.ts';",
      'src/app.ts': "import './config.ts';\nimport './adapters/a/b.ts';\nimport 'pino';",
      'src/library.ts': "import './app/engine.ts';\nimport './entrypoints/library/a.ts';",
      'src/client.ts': "export { a } from './client/a.ts';\nimport './core/a.ts';",
      'src/client/a.ts':
        "import './b.ts';\nimport 'node:crypto';\nimport 'pg';\nimport '../client.ts';",
      'src/console/page.tsx': [
        "import 'preact/hooks';",
        "import 'uplot/dist/uPlot.min.css';",
        "import type { A } from '../client/a.ts';",
        "import '../client.ts';",
        "import 'preact-router';",
        "import 'node:path';",
        "import '../core/errors.ts';",
      ].join('\n'),
      'src/console/vite.config.ts': "import 'node:path';\nimport 'vite';",
      'src/app/page.ts': "import '../console/page.tsx';",
      'src/entrypoints/http/page.ts': "import '../../console/page.tsx';",
      'src/figures/a.ts':
        "import './b.ts';\nimport '../client.ts';\nimport '../core/a.ts';\nimport 'node:fs';",
      'src/elsewhere/a.ts': '',
      'scripts/a.ts': "import '../src/config.ts';",
    },
    finds: [
      'src/core/a.ts:2: may not import pg',
      'src/core/a.ts:3: may not import node:path',
      'src/core/a.ts:4: may not import ../adapters/postgres/pool.ts',
      'src/core/a.ts:5: may not import ../config.ts',
      'src/core/a.ts:6: may not import ../app.ts',
      'src/core/a.test.ts:3: may not import ../app.ts',
      'src/adapters/postgres/a.ts:4: may not import ../prometheus/a.ts',
      'src/entrypoints/http/a.ts:1: may not import ../cli/cli.ts',
      'src/entrypoints/http/a.ts:2: may not import ../../config/settings.ts',
      'src/entrypoints/library/a.ts:3: may not import ../http/schemas.ts',
      'src/entrypoints/library/a.ts:4: may not import ../../app/engine.ts',
      'src/config.ts:2: may not import ./app.ts',
      'src/main.ts:3: may not import ./entrypoints/http/a.ts',
      'src/client.ts:2: may not import ./core/a.ts',
      'src/client/a.ts:2: may not import node:crypto',
      'src/client/a.ts:3: may not import pg',
      'src/client/a.ts:4: may not import ../client.ts',
      'src/console/page.tsx:5: may not import preact-router',
      'src/console/page.tsx:6: may not import node:path',
      'src/console/page.tsx:7: may not import ../core/errors.ts',
      'src/app/page.ts:1: may not import ../console/page.tsx',
      'src/entrypoints/http/page.ts:1: may not import ../../console/page.tsx',
      'src/figures/a.ts:3: may not import ../core/a.ts',
      'src/figures/a.ts:4: may not import node:fs',
      'src/elsewhere/a.ts:1: lies in no part',
    ],
  },
  'no file imports itself through others': {
    files: {
      'src/core/a.ts': "import { b } from './b.ts';\nimport 'node:path';\nimport './alone.ts';",
      'src/core/b.ts': "import type { C } from '../c.ts';",
      'src/c.ts': "const a = await import('./core/a.ts');\nimport './d.ts';",
      'src/d.ts': "export type { D } from './d.test.ts';",
      'src/d.test.ts': "import './d.ts';",
      'src/core/alone.ts': "// import './a.ts';",
    },
    finds: [
      'src/c.ts:1: imports itself by src/core/a.ts, src/core/b.ts, src/c.ts',
      'src/d.test.ts:1: imports itself by src/d.ts, src/d.test.ts',
    ],
  },
  'shipped code imports declared packages only': {
    files: {
      'package.json':
        '{"dependencies":{"pg":"1.0.0","@a/b":"1.0.0"},"devDependencies":{"tsx":"1.0.0"}}',
      'src/app.ts': [
        "import pg from 'pg';",
        "import '@a/b/c';",
        "import type { A } from 'tsx';",
        "import 'tsx';",
        "import {\n  a,\n} from '@a/c';",
      ].join('\n'),
      'src/app.test.ts': "import 'tsx';",
      'src/console/page.tsx': "import { render } from 'preact';",
    },
    finds: ['src/app.ts:4: tsx is not', 'src/app.ts:7: @a/c is not'],
  },
  'only the configuration reads the environment': {
    files: {
      'src/config.ts': 'process.env',
      'src/config/variables.ts': 'process.env',
      'src/adapters/bundled-postgres/a.ts': 'spawn(command, { env: process.env });',
      'src/adapters/postgres/a.ts': '// process.env\nconst { env } = process;\nlog("process.env");',
      'src/app.ts': "import { env } from 'node:process';\nconst port = process\n  .env;",
    },
    finds: [
      'src/config/variables.ts:1: reads the environment',
      'src/adapters/postgres/a.ts:2: reads the environment',
      'src/app.ts:2: reads the environment',
      'src/app.ts:1: imports node:process',
    ],
  },
  'the core reads no clock, no chance and no process': {
    files: {
      'src/core/a.ts': [
        'const a = Date.now();',
        'const b = Math.random();',
        'setTimeout(f, 1);',
        'setInterval (f, 1);',
        'process.on("exit", f);',
        'performance.now();',
        'const c = new Date();',
        'crypto.randomUUID();',
        'const fine = new Date(text); /* Date.now() */ const process = "process."; clock.now();',
        `\`at \${Date.now()} \${clock.now()}\`;`,
      ].join('\n'),
      'src/core/a.test.ts': 'Date.now();',
      'src/app.ts': 'Date.now();',
    },
    finds: [
      'src/core/a.ts:1: uses Date.now',
      'src/core/a.ts:2: uses Math.random',
      'src/core/a.ts:3: uses setTimeout',
      'src/core/a.ts:4: uses setInterval',
      'src/core/a.ts:5: uses process.',
      'src/core/a.ts:6: uses performance.',
      'src/core/a.ts:7: uses new Date()',
      'src/core/a.ts:8: uses crypto.',
      'src/core/a.ts:10: uses Date.now',
    ],
  },
  'nothing writes to the console': {
    files: {
      'src/a.ts': 'console.log(1);\n// console.log(2)\n"console.log(3)";',
      'src/console/a.tsx': "const a = <p>It's {b}</p>;\nconsole.log(a);",
      'scripts/a.mjs': '\nconsole.error(1);',
    },
    finds: [
      'src/a.ts:1: uses console.log',
      'src/console/a.tsx:2: uses console.log',
      'scripts/a.mjs:2: uses console.error',
    ],
  },
  'every exported declaration has a doc comment': {
    files: {
      'src/a.ts': [
        '/** Said. */',
        'export type A = string;',
        'export type B = string;',
        '/** Said, but not of C. */',
        '',
        'export const c = 1;',
        '// Not a doc comment.',
        'export async function d(): Promise<void> {}',
        '/** */',
        'export class E {}',
        '/**',
        ' * Said of both signatures.',
        ' */',
        'export function f(a: string): void;',
        'export function f(a: number): void;',
        'export { c };',
        "export type { G } from './g.ts';",
        'export function* h() {}',
        'const text = `',
        'export const notCode = 1;`;',
      ].join('\n'),
      'src/a.test.ts': 'export const a = 1;',
      'test/support/a.ts': 'export const a = 1;',
    },
    finds: [
      'src/a.ts:3: B has no',
      'src/a.ts:6: c has no',
      'src/a.ts:8: d has no',
      'src/a.ts:10: E has no',
      'src/a.ts:18: h has no',
    ],
  },
  'no shipped file is over 300 lines': {
    files: {
      'src/long.ts': 'x;\n'.repeat(301),
      'src/long.tsx': 'x;\n'.repeat(301),
      'src/right.ts': 'x;\n'.repeat(300),
      'src/long.test.tsx': 'x;\n'.repeat(301),
      'src/client/api-types.ts': 'x;\n'.repeat(301),
      'src/long.test.ts': 'x;\n'.repeat(301),
    },
    finds: ['src/long.ts:301: is over', 'src/long.tsx:301: is over'],
  },
  'SQL stands in .sql files only': {
    files: {
      'src/a.ts': [
        "query('select 1');",
        'query("SELECT name FROM coupons");',
        'query(`\n  insert into coupons (name) values ($1)`);',
        "query('update coupons set amount = 1');",
        "query('delete from coupons');",
        "query('with held as (select 1) select 2');",
        "query('create table a (b int)');",
        "query('begin'); query('commit;');",
        "query('set local lock_timeout = 1');",
        "query('show server_version_num');",
        `query(\`create database \${name} template a\`);`,
        "query('select pg_is_in_recovery()');",
        "const fine = ['select one', 'update the coupon and set it', 'with one as before'];",
        "const more = ['delete', 'create a coupon', 'begin with this', 'show all settings', 'Set A to b or c'];",
        '// select 1',
      ].join('\n'),
      [`${statements}/a.sql`]: 'select 1',
      'test/integration/a.test.ts': "query('select 1');",
    },
    finds: [
      ...['1: holds SQL: select 1', '2: holds SQL: SELECT name', '3: holds SQL: insert into'],
      ...['5: holds SQL: update coupons', '6: holds SQL: delete from', '7: holds SQL: with held'],
      ...['8: holds SQL: create table', '9: holds SQL: begin', '9: holds SQL: commit'],
      ...[
        '10: holds SQL: set local',
        '11: holds SQL: show server',
        '12: holds SQL: create database',
      ],
      '13: holds SQL: select pg_is',
    ].map((finding) => `src/a.ts:${finding}`),
  },
  'every statement is used': {
    files: {
      [`${statements}/claim-batch.sql`]: '',
      [`${statements}/resolve-batch.sql`]: '',
      [`${statements}/read-coupon.sql`]: '',
      'src/adapters/postgres/a.ts': "statement('claim-batch'); // 'resolve-batch'",
      'src/adapters/postgres/a.test.ts': "statement('resolve-batch');",
      'src/app.ts': "statement('read-coupon');",
    },
    finds: [
      `${statements}/resolve-batch.sql:1: is named`,
      `${statements}/read-coupon.sql:1: is named`,
    ],
  },
  'every statement has a header of 2 to 6 lines': {
    files: {
      [`${statements}/none.sql`]: 'select 1',
      [`${statements}/one.sql`]: '-- One.\nselect 1',
      [`${statements}/two.sql`]: '-- One.\n-- Two.\nselect 1',
      [`${statements}/six.sql`]: `${'-- Line.\n'.repeat(6)}select 1`,
      [`${statements}/seven.sql`]: `${'-- Line.\n'.repeat(7)}select 1`,
      [`${statements}/blank.sql`]: '--\n--\nselect 1',
    },
    finds: ['none', 'one', 'seven', 'blank'].map((name) => `${statements}/${name}.sql:1: has a`),
  },
  'every statement that reads tables fails on a standby': {
    files: {
      [`${migrations}/0001_a.sql`]: 'create table coupons (); create table claims ();',
      [`${statements}/read.sql`]: '-- Needs no require_primary().\nselect 1 from coupons',
      [`${statements}/join.sql`]: 'select 1 from f() join claims on true',
      [`${statements}/safe.sql`]: 'select 1 from coupons where require_primary()',
      [`${statements}/write.sql`]: 'update coupons set a = 1 from claims',
      [`${statements}/lock.sql`]: 'select 1 from coupons for update',
      [`${statements}/other.sql`]: 'select 1 from pg_stat_activity',
    },
    finds: ['read', 'join'].map((name) => `${statements}/${name}.sql:1: reads without`),
  },
  'migrations are numbered, reasoned and rated': {
    files: {
      [`${migrations}/0001_coupons.sql`]: '-- why: a\n-- compatible: yes\n',
      [`${migrations}/0002_claims.sql`]: '-- why: a\n-- compatible: no (the workers)\n',
      [`${migrations}/0004_gap.sql`]: '-- why: a\n-- compatible: yes\n',
      [`${migrations}/0004_Twice.sql`]: '-- why:\n-- compatible: no\n',
    },
    finds: [
      `${migrations}/0004_gap.sql:1: is not named 0003_`,
      `${migrations}/0004_Twice.sql:1: is not named 0004_`,
      `${migrations}/0004_Twice.sql:1: does not begin`,
      `${migrations}/0004_Twice.sql:2: is not "-- compatible`,
    ],
  },
  'every constraint has a name': {
    files: {
      [`${migrations}/0001_a.sql`]: [
        'create table a (',
        '  id bigint constraint a_primary_key primary key,',
        '  b text unique,',
        '  c text constraint c_known check (c in (1)) check (c > 0),',
        '  d bigint references b (id), -- unique',
        "  e text default 'unique',",
        '  primary key (id),',
        '  constraint a_b foreign key (b) references b (id),',
        '  foreign key (c) references c (id)',
        ');',
        'create unique index a_b on a (b);',
        'create function f() returns void as $$ select 1 -- check\n check $$;',
        'alter table a add constraint a_c unique (c), add check (e > 0);',
      ].join('\n'),
    },
    finds: [
      `${migrations}/0001_a.sql:3: unique has no name`,
      `${migrations}/0001_a.sql:4: check has no name`,
      `${migrations}/0001_a.sql:5: references has no name`,
      `${migrations}/0001_a.sql:7: primary key has no name`,
      `${migrations}/0001_a.sql:9: foreign key (c) references has no name`,
      `${migrations}/0001_a.sql:14: check has no name`,
    ],
  },
  'released migrations are unchanged': {
    files: {
      [`${migrations}/released.json`]: JSON.stringify({
        '0001_a.sql': sha256('-- as released'),
        '0002_b.sql': sha256('-- as released'),
        '0003_c.sql': sha256('-- as released'),
      }),
      [`${migrations}/0001_a.sql`]: '-- as released',
      [`${migrations}/0002_b.sql`]: '-- edited',
      [`${migrations}/0004_d.sql`]: '-- not released yet',
    },
    finds: [
      `${migrations}/0002_b.sql:1: is released but was edited`,
      `${migrations}/released.json:1: 0003_c.sql is released but gone`,
    ],
  },
  'every source file names its licence': {
    files: {
      'src/a.ts': '// SPDX-License-Identifier: GPL-3.0-or-later\nx;',
      'src/b.ts': '#!/usr/bin/env node\n// SPDX-License-Identifier: GPL-3.0-or-later\n',
      'src/f.tsx': 'x;',
      'src/c.ts': 'x;\n// SPDX-License-Identifier: GPL-3.0-or-later',
      'scripts/d.mjs': '// SPDX-License-Identifier: MIT',
      'docs/e.md': '',
    },
    finds: [
      'src/f.tsx:1: does not begin',
      'src/c.ts:1: does not begin',
      'scripts/d.mjs:1: does not begin',
    ],
  },
  'no note of unfinished work is left': {
    files: {
      'src/a.ts': `x;\n// ${'FIX'}ME later`,
      'src/b.sql': `-- ${'TO'}DO(#1): index`,
      'bench/c.mjs': `// ${'X'.repeat(3)} hm`,
      'src/d.ts': 'const TODOS = todo();',
    },
    finds: ['src/a.ts:2: holds FIX', 'src/b.sql:1: holds TO', 'bench/c.mjs:1: holds XX'],
  },
  'no test sleeps': {
    files: {
      'src/a.test.ts':
        "import { setTimeout as delay } from 'node:timers/promises';\nawait delay(5);",
      'test/e2e/a.test.ts': [
        'await new Promise((resolve) => setTimeout(resolve, 100));',
        'socket.setTimeout(5); // setTimeout(resolve, 5)',
        'const fake = { setTimeout() {} };',
      ].join('\n'),
      'test/support/a.mts': "\nconst { setTimeout } = await import('timers/promises');",
      'src/b.test.ts': "import { setImmediate as nextTurn } from 'node:timers/promises';",
      'test/support/wait-for.ts': "import { setTimeout as delay } from 'node:timers/promises';",
      'src/a.ts': 'setTimeout(act, 100);',
    },
    finds: [
      'src/a.test.ts:1: imports node:timers/promises',
      'test/e2e/a.test.ts:1: calls setTimeout',
      'test/support/a.mts:2: imports timers/promises',
    ],
  },
  'no test waits for an exact count': {
    files: {
      'src/a.test.ts': "await waitFor('events', () => events.length === 2);",
      'test/e2e/a.test.ts': [
        "await waitFor('sessions', async () => (await sessions()).length === users.length);",
        'await expect.poll(() => server.requests()).toBe(1);',
        "await waitFor('the end', () => open.length === 0 && closed.size >= 2);",
        'await expect.poll(() => server.requests()).toBe(0);',
        'expect(list.length === 2).toBe(true);',
      ].join('\n'),
      'src/a.ts': "waitFor('events', () => events.length === 2);",
    },
    finds: [
      'src/a.test.ts:1: waits for an exact count',
      'test/e2e/a.test.ts:1: waits for an exact count',
      'test/e2e/a.test.ts:2: waits for an exact count',
    ],
  },
  'one word has one meaning': {
    files: {
      'src/a.ts': [
        'const voucherCode = 1;',
        "log('voucher'); // the voucher",
        'function claimHelper() {}',
        'type Campaigns = 1;',
        'const cronological = helpful + ranked + commonly;',
      ].join('\n'),
      'src/b.sql': 'select quota_left, amount -- no quota\nfrom coupons',
      'src/core/claim-manager.ts': '',
    },
    finds: [
      'src/a.ts:1: voucherCode: for "voucher" say coupon',
      'src/a.ts:3: claimHelper: for "helper" say',
      'src/a.ts:4: Campaigns: for "campaigns" say coupon',
      'src/b.sql:1: quota_left: for "quota" say stock',
      'src/core/claim-manager.ts:1: core/claim-manager: for "manager" say',
    ],
  },
  'replaced words and names are gone': {
    files: {
      'src/a.ts': [
        `const isTold = hearOutcome(lane); // It tells the client.`,
        `class StockLook extends laneLine {}`,
        'const shear = retold(heart, satellite, clearing);',
      ].join('\n'),
      'docs/b.md': `Whoever claims.\nTELL us.`,
      'src/adapters/postgres/c.sql': 'select claim_multi_coupon($1)',
      'CHANGELOG.md': `Whoever claims.`,
      'src/adapters/postgres/migrations/0002_d.sql': `-- heard`,
    },
    finds: [
      'src/a.ts:1: Told',
      'src/a.ts:1: hear',
      'src/a.ts:1: tells',
      'src/a.ts:2: StockLook',
      'src/a.ts:2: laneLine',
      'docs/b.md:1: Whoever',
      'docs/b.md:2: TELL',
    ],
  },
  'dependencies are pinned exactly': {
    files: {
      'package.json': JSON.stringify(
        {
          dependencies: { a: '1.2.3', b: '^1.2.3', c: '18.4.0-beta.17' },
          devDependencies: { d: '~1.2.3', e: 'latest' },
          optionalDependencies: { f: '1.x', g: '>=1.0.0', h: '1.2.3 || 2.0.0' },
        },
        null,
        2,
      ),
    },
    finds: [
      ...['package.json:4: b is "^1.2.3"', 'package.json:8: d is "~1.2.3"'],
      ...['package.json:9: e is "latest"', 'package.json:12: f is', 'package.json:13: g is'],
      'package.json:14: h is',
    ],
  },
  'the lock file names no registry': {
    files: {
      'package-lock.json':
        '{\n"a": {"integrity": "sha512-x"},\n"b": {"resolved": "https://registry.example/b.tgz"}}',
    },
    finds: ['package-lock.json:3: "resolved"'],
  },
  'no path of one machine is written down': {
    files: {
      'README.md': `Run it\nin ${slash}home/me/firstcome.`,
      'src/a.ts': `readFile('file://${slash}work/x');`,
      Dockerfile: 'WORKDIR /home/node',
      'docs/b.md': `See src${slash}root/a.ts and https://example.org${slash}home/ and ~${slash}work/x.`,
    },
    finds: ['README.md:2: names a path', 'src/a.ts:1: names a path'],
  },
};

describe('a rule', () => {
  it.each(rules)('finds each violation, and nothing else: %s', (name, rule) => {
    const { files, finds } = planted[name];
    const found = rule(Object.entries(files).map(([path, text]) => ({ path, text })));
    expect(found.map((finding, index) => finding.slice(0, finds[index]?.length))).toEqual(finds);
  });

  it.each(rules)('finds nothing in an empty tree: %s', (_name, rule) => {
    expect(rule([])).toEqual([]);
  });
});

describe('the scanner', () => {
  it('separates code, literals and comments, and keeps every offset', () => {
    const source = [
      "const a = 'it\\'s'; // a 'comment'",
      `const b = \`x \${c({ d: "e" })} y\`; /* two`,
      'lines */ const f = g / h; const i = /["\'/]+/g.test(j) / 2;',
      'return /`/;',
    ].join('\n');
    const { code, literals, comments } = scanTypeScript(source);
    expect(code).toHaveLength(source.length);
    expect(literals.map(({ text, line }) => [text, line])).toEqual([
      ["it\\'s", 1],
      ['e', 2],
      ['x {} y', 2],
    ]);
    expect(comments.map(({ line, endLine }) => [line, endLine])).toEqual([
      [1, 1],
      [2, 3],
    ]);
    expect(code.replaceAll(/\s+/g, ' ')).toBe(
      'const a = ; const b = c({ d: }) ; const f = g / h; const i = .test(j) / 2; return ;',
    );
  });

  it('reads elements and their text as code', () => {
    const source = "const a = <p title='b'>Don't {c / 2} <br /></p>;\nconst d = /e'/;";
    const { code, literals } = scanTypeScript(source, { hasMarkup: true });
    expect(literals.map(({ text }) => text)).toEqual(['b']);
    expect(code.replaceAll(/\s+/g, ' ')).toBe(
      "const a = <p title= >Don't {c / 2} <br /></p>; const d = ;",
    );
  });
});
