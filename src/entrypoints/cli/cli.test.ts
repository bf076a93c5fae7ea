// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { type Program, runCli } from './cli.ts';

type Run = { code: number; stdout: string; stderr: string; calls: string[] };

/** Runs one command line against a program that records its calls. */
async function run(
  args: string[],
  overrides: Partial<Program> = {},
  errorColumns?: number,
): Promise<Run> {
  const seen = { stdout: '', stderr: '' };
  const calls: string[] = [];
  const recorded: Program = {
    version: '1.2.3',
    serve: async ({ workers, unsafeDurability }) => {
      calls.push(['serve', workers, unsafeDurability && 'unsafe'].filter(Boolean).join(' '));
    },
    consume: async () => {
      calls.push('consume');
    },
    work: async ({ kind, schema, identity, slot }) => {
      calls.push(`work ${kind} ${schema} ${identity} ${slot}`);
    },
    migrate: async ({ newInstallation, finish }) => {
      const options = [newInstallation && 'new', finish && 'finish'];
      calls.push(['migrate', ...options].filter(Boolean).join(' '));
      return { schema: 'sale', applied: ['0001_coupons', '0002_claims'], unfinished: [] };
    },
    backup: async ({ file, force }) => {
      calls.push(['backup', file, force && 'force'].filter(Boolean).join(' '));
    },
    restore: async ({ file }) => {
      calls.push(`restore ${file}`);
    },
    copy: async ({ to }) => {
      calls.push(`copy ${to}`);
    },
    scenarios: { 'flash-sale': 'many users for few units', mixed: 'all kinds' },
    drill: async ({ scenario, urls, seed, audit }) => {
      calls.push(`drill ${scenario} ${urls?.join(' ')} ${seed} ${audit}`);
      return 'passed';
    },
    log: async ({ url, limit, json }) => {
      calls.push(`log ${url} ${limit} ${json}`);
    },
    watch: async ({ coupon, url, json }) => {
      calls.push(`watch ${coupon} ${url} ${json}`);
    },
    claims: async ({ call, coupon, user, ...options }) => {
      calls.push(`claims ${call} ${coupon} ${user} ${JSON.stringify(options)}`);
      return 'passed';
    },
    sagas: async (given) => {
      calls.push(`sagas ${JSON.stringify(given)}`);
      return 'passed';
    },
    deadLetters: async (given) => {
      calls.push(`dead-letters ${JSON.stringify(given)}`);
      return 'passed';
    },
    acceptHistory: async (given) => {
      calls.push(`accept-history ${JSON.stringify(given)}`);
      return 'passed';
    },
    audit: async ({ historyFile, dump }) => {
      calls.push(`audit ${historyFile} ${dump}`);
      return 'failed';
    },
    config: async () => {
      calls.push('config');
      return 'PORT=8080';
    },
    settingsHelp: async () => 'HTTP\n  PORT=8080\n      Port to listen on.',
  };
  const code = await runCli(
    args,
    { ...recorded, ...overrides },
    {
      stdout: (text) => {
        seen.stdout += text;
      },
      stderr: (text) => {
        seen.stderr += text;
      },
      errorColumns,
    },
  );
  return { code, ...seen, calls };
}

function failing(error: unknown): Partial<Program> {
  return {
    serve: async () => {
      throw error;
    },
  };
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

describe('a command', () => {
  it('runs the command that the arguments name', async () => {
    for (const name of ['serve', 'migrate', 'config']) {
      expect(await run([name])).toMatchObject({ code: 0, calls: [name], stderr: '' });
    }
  });

  it('passes the options of serve to the program', async () => {
    expect(await run(['serve', '--workers', '4', '--unsafe-durability'])).toMatchObject({
      ...{ code: 0, calls: ['serve 4 unsafe'] },
    });
  });

  it('exits drill and audit with the code of their verdict', async () => {
    const nodes = ['--url', 'http://a', '--url', 'http://b'];
    for (const args of [
      ['flash-sale', ...nodes],
      [...nodes, 'flash-sale'],
    ]) {
      expect(await run(['drill', ...args])).toMatchObject({
        ...{ code: 0, calls: ['drill flash-sale http://a http://b 1 true'] },
      });
    }
    expect(await run(['audit', 'h.jsonl', '--dump', 'd.json'])).toMatchObject({
      ...{ code: 1, calls: ['audit h.jsonl d.json'] },
    });
    expect(await run(['drill', 'x', '--no-audit'], { drill: async () => 'unknown' })).toMatchObject(
      {
        code: 3,
      },
    );
  });

  it('passes the options of log, and refuses a number of entries that is none', async () => {
    expect(await run(['log'])).toMatchObject({ code: 0, calls: ['log undefined 50 undefined'] });
    const all = ['log', '--url', 'http://node', '--limit', '7', '--json'];
    expect(await run(all)).toMatchObject({ code: 0, calls: ['log http://node 7 true'] });
    for (const limit of ['0', '-1', '1.5', 'x', '']) {
      expect(await run(['log', '--limit', limit])).toMatchObject({ code: 2, calls: [] });
    }
  });

  it('passes the coupon and the options of watch, which needs one coupon', async () => {
    expect(await run(['watch', 'A B'])).toMatchObject({ calls: ['watch A B undefined undefined'] });
    const all = ['watch', '--url', 'http://node', '--json', 'A'];
    expect(await run(all)).toMatchObject({ code: 0, calls: ['watch A http://node true'] });
    for (const args of [[], ['A', 'B'], ['A', '--interval', '1']]) {
      expect(await run(['watch', ...args])).toMatchObject({ code: 2, calls: [] });
    }
  });

  it('passes the call of claims, its claim and its options to the program', async () => {
    const target = ['LAUNCH 2030', 'ada'];
    for (const [args, options] of [
      [['show'], {}],
      [['confirm', '--claim-id', 'x', '--json'], { claimId: 'x', json: true }],
      [['release', '--reason', 'paid late', '--final'], { reason: 'paid late', final: true }],
      [['redeem', '--idempotency-key', 'till 7'], { idempotencyKey: 'till 7' }],
      [['show', '--url', 'http://node'], { url: 'http://node' }],
    ] as const) {
      const [call, ...flags] = args;
      expect(await run(['claims', call, ...target, ...flags])).toEqual({
        ...{ code: 0, stdout: '', stderr: '' },
        calls: [`claims ${call} LAUNCH 2030 ada ${JSON.stringify(options)}`],
      });
    }
  });

  it('refuses options of claims that have no effect on its call', async () => {
    for (const args of [
      ['show', 'c', 'u', '--claim-id', 'x'],
      ['confirm', 'c', 'u', '--reason', 'x'],
      ['redeem', 'c', 'u', '--final'],
      ['release', 'c', 'u', '--idempotency-key', 'x'],
      ...[['undo', 'c', 'u'], ['show', 'c'], ['show'], []],
    ]) {
      const { code, stderr, calls } = await run(['claims', ...args]);
      expect({ code, calls }, stderr).toEqual({ code: 2, calls: [] });
      expect(stderr).toContain('(firstcome claims --help shows the usage)');
    }
  });

  it('refuses names in claims that no coupon and no user can have', async () => {
    for (const name of ['', '.', '..']) {
      for (const [what, ...target] of [
        ['coupon', name, 'ada'],
        ['user', 'LAUNCH', name],
      ]) {
        const { code, stderr, calls } = await run(['claims', 'show', ...target]);
        expect([code, calls]).toEqual([2, []]);
        expect(stderr).toContain(`which no ${what} can have`);
      }
    }
  });

  it('exits claims with 3 when the answer was lost', async () => {
    const lost = { claims: async () => 'unknown' as const };
    expect(await run(['claims', 'confirm', 'c', 'u'], lost)).toMatchObject({ code: 3 });
    expect((await run(['claims', '--help'])).stdout.replaceAll(/\s+/g, ' ')).toContain(
      'Exit code 0: done; 1: refused, or could not be run; 2: wrong usage; 3: the answer was lost',
    );
  });

  const sagaId = '01947a5c-3e2f-8d10-8b6a-5f0c1d2e3f40';

  it('passes the call of sagas, its saga and its options to the program', async () => {
    const both = ['running', 'needs_attention'];
    for (const [args, given] of [
      [['list'], { call: 'list', states: [], limit: 50 }],
      [['list', '--state', 'done'], { call: 'list', states: ['done'], limit: 50 }],
      [['list', '--state', ...both, '--limit', '7'], { call: 'list', states: both, limit: 7 }],
      [
        ['list', ...both.flatMap((state) => ['--state', state])],
        { call: 'list', states: both, limit: 50 },
      ],
      [['show', sagaId, '--json'], { json: true, call: 'show', id: sagaId }],
      [['retry', sagaId, '--url', 'http://n'], { url: 'http://n', call: 'retry', id: sagaId }],
      [
        ['resolve', sagaId, '--as', 'done', '--note', 'by hand'],
        { call: 'resolve', id: sagaId, as: 'done', note: 'by hand' },
      ],
    ] as const) {
      expect(await run(['sagas', ...args])).toEqual({
        ...{ code: 0, stdout: '', stderr: '' },
        calls: [`sagas ${JSON.stringify(given)}`],
      });
    }
  });

  it.each([
    [['list', sagaId], 'list takes no id; to see one saga use show'],
    [['list', '--state', 'ended'], 'Allowed choices are running, compensating, needs_attention'],
    [['list', '--limit', '0'], 'a whole number from 1 to 999999'],
    [['list', '--note', 'x'], '--note goes with resolve only'],
    [['show'], 'show needs the id of a saga; firstcome sagas list shows them'],
    [['show', '..'], '".." is no id of a saga; firstcome sagas list shows them'],
    [['show', sagaId, '--state', 'done'], '--state goes with list only'],
    [['retry', sagaId, '--as', 'done'], '--as goes with resolve only'],
    [['retry', sagaId, '--limit', '5'], '--limit goes with list only'],
    [['resolve', sagaId, '--note', 'x'], 'resolve needs --as done or --as compensated'],
    [['resolve', sagaId, '--as', 'done'], 'resolve needs --note with how you know'],
    [['resolve', sagaId, '--as', 'done', '--note', ''], 'resolve needs --note'],
    [['resolve', sagaId, '--as', 'gone', '--note', 'x'], 'Allowed choices are done, compensated'],
    [['undo', sagaId], 'Allowed choices are list, show, retry, resolve'],
  ])('refuses sagas %j with what to change', async (args, message) => {
    const { code, stderr, calls } = await run(['sagas', ...args]);
    expect({ code, calls }, stderr).toEqual({ code: 2, calls: [] });
    expect(stderr).toContain(message);
    expect(stderr).toContain('(firstcome sagas --help shows the usage)');
  });

  it('accepts lost history only with --yes', async () => {
    expect(await run(['accept-history'])).toMatchObject({ code: 0, calls: ['accept-history {}'] });
    expect(await run(['accept-history', '--yes', '--json'])).toMatchObject({
      calls: ['accept-history {"yes":true,"json":true}'],
    });
  });

  it('passes the call of dead-letters, its letters and its options to the program', async () => {
    const id = '0123456789abcdef0123456789abcdef';
    for (const [args, given] of [
      [['list'], { call: 'list', limit: 50 }],
      [['list', '--limit', '5', '--json'], { json: true, call: 'list', limit: 5 }],
      [['show', id], { call: 'show', id }],
      [['export', '--url', 'http://n'], { url: 'http://n', call: 'export' }],
      [['redrive', id, id], { call: 'redrive', ids: [id, id] }],
      [['discard', '--all', '--yes'], { call: 'discard', ids: 'all', yes: true }],
    ] as const) {
      expect(await run(['dead-letters', ...args])).toMatchObject({
        ...{ code: 0, calls: [`dead-letters ${JSON.stringify(given)}`] },
      });
    }
  });

  it.each([
    [['list', 'x'], 'list takes no id'],
    [['list', '--yes'], '--yes goes with redrive and discard only'],
    [['show'], 'show needs one id'],
    [['show', 'x', 'y'], 'show needs one id'],
    [['show', 'x', '--limit', '5'], '--limit goes with list only'],
    [['show', 'x', '--all'], '--all goes with redrive and discard only'],
    [['export', '--json'], 'export prints JSON in any case'],
    [['redrive'], 'redrive needs ids, or --all'],
    [['discard', 'x', '--all'], 'discard takes either ids, or --all'],
    [['undo'], 'Allowed choices are list, show, redrive, discard, export'],
  ])('refuses dead-letters %j with what to change', async (args, message) => {
    const { code, stderr, calls } = await run(['dead-letters', ...args]);
    expect({ code, calls }).toEqual({ code: 2, calls: [] });
    expect(stderr.replaceAll('\n', ' ')).toContain(message);
  });

  it('exits sagas with 3 when the answer was lost', async () => {
    const lost = { sagas: async () => 'unknown' as const };
    expect(await run(['sagas', 'retry', sagaId], lost)).toMatchObject({ code: 3 });
  });

  it('exits drill and audit with 2 for wrong arguments, as their help says', async () => {
    for (const args of [
      ['drill'],
      ['drill', 'x', '--rate', 'fast'],
      ['drill', 'x', '--ramp', '1:2:3'],
      ['drill', 'x', '--times', '2,,5'],
      ['audit'],
      ['audit', 'h.jsonl', '--dump', 'd.json', '--write-dump', 'e.json'],
    ]) {
      const { code, stderr, calls } = await run(args);
      expect({ code, calls }, stderr).toEqual({ code: 2, calls: [] });
      expect(stderr).toContain(`(firstcome ${args[0]} --help shows the usage)`);
    }
    const drill = async () => {
      throw Object.assign(named('DrillOptionsError', ''), { mistakes: ['no such scenario'] });
    };
    expect(await run(['drill', 'x'], { drill })).toEqual({
      ...{ code: 2, stdout: '', calls: [] },
      stderr: 'firstcome: no such scenario\n(firstcome drill --help shows the usage)\n',
    });
    for (const name of ['drill', 'audit']) {
      expect((await run([name, '--help'])).stdout.replaceAll(/\s+/g, ' ')).toContain(
        'Exit code 0: passed; 1: failed, or could not be run; 2: wrong usage; 3: unknown.',
      );
    }
  });

  it.each([
    ['--seconds', '32.486000000000004', 'a number, such as 30 or 2.5, with '],
    ['--rate', '1234567890', 'a number, such as 30 or 2.5, with '],
    ['--times', '2,2.5000001', 'numbers, such as 2,5,10, with '],
    ['--ramp', '100:0.0000001', 'two numbers, such as 100:2000, with '],
  ])('says which numbers drill %s accepts when it refuses %s', async (option, value, accepted) => {
    const { code, stderr } = await run(['drill', 'x', option, value]);
    expect(code).toBe(2);
    const digits = 'at most 9 digits before the decimal point and 6 after it.';
    expect(stderr).toContain(`'${value}' is invalid. It must be ${accepted}${digits}`);
  });

  it.each(['--users', '--timeout'])(
    'says the largest count that drill %s accepts',
    async (option) => {
      const { code, stderr } = await run(['drill', 'x', option, '1000000000000000']);
      expect(code).toBe(2);
      expect(stderr).toContain('It must be a whole number from 0 to 999999999999999.');
    },
  );

  it('runs serve without a command', async () => {
    expect(await run([])).toEqual({ code: 0, stdout: '', stderr: '', calls: ['serve'] });
  });

  it('resolves only when the command has ended', async () => {
    let stop = () => {};
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    let ended = false;
    const running = run(['serve'], { serve: () => stopped }).then(() => {
      ended = true;
    });
    await new Promise(setImmediate);
    expect(ended).toBe(false);
    stop();
    await running;
    expect(ended).toBe(true);
  });

  it('prints the migrations that migrate applied, or that there were none, and the schema', async () => {
    expect((await run(['migrate'])).stdout).toBe(
      'applied 0001_coupons\napplied 0002_claims\nschema sale\n',
    );
    const done = { migrate: async () => ({ schema: 'sale', applied: [], unfinished: [] }) };
    expect((await run(['migrate'], done)).stdout).toBe('up to date\nschema sale\n');
  });

  it('prints what migrate has left, and finishes an upgrade only with --finish', async () => {
    const left = async () => ({ schema: 'sale', applied: [], unfinished: ['0003_last'] });
    expect((await run(['migrate'], { migrate: left })).stdout).toBe(
      'up to date\nnot finished: 0003_last is left for firstcome migrate --finish\nschema sale\n',
    );
    const finished = await run(['migrate', '--finish']);
    expect(finished.calls).toEqual(['migrate finish']);
    expect(finished.stdout).toContain('finished: holds can be used\n');
  });

  it('creates a further installation only with --new-installation', async () => {
    expect((await run(['migrate'])).calls).toEqual(['migrate']);
    expect((await run(['migrate', '--new-installation'])).calls).toEqual(['migrate new']);
  });

  it('passes the file of backup and restore, and the target of copy, to the program', async () => {
    for (const [args, call] of [
      [['backup', 'b.tar.gz'], 'backup b.tar.gz'],
      [['backup', 'b.tar.gz', '--force'], 'backup b.tar.gz force'],
      [['restore', 'b.tar.gz'], 'restore b.tar.gz'],
      [['copy', '--to', 'database-url'], 'copy database-url'],
    ] as const) {
      expect(await run([...args])).toEqual({ code: 0, stdout: '', stderr: '', calls: [call] });
    }
    for (const args of [['backup'], ['restore'], ['copy'], ['copy', '--to', 'elsewhere']]) {
      expect(await run(args)).toMatchObject({ code: 2, calls: [] });
    }
  });

  it('prints the effective settings with config', async () => {
    expect((await run(['config'])).stdout).toBe('PORT=8080\n');
  });
});

describe('the help', () => {
  it('lists the commands in 80 columns and 24 lines, and runs none', async () => {
    for (const args of [['--help'], ['-h'], ['help']]) {
      const { code, stdout, stderr, calls } = await run(args);
      expect({ code, stderr, calls }).toEqual({ code: 0, stderr: '', calls: [] });
      expect(stdout).toMatch(/^Usage: firstcome \[command\]/);
      expect([...stdout.matchAll(/^ {2}([a-z-]+) (?= |\[|<)/gm)].map(([, name]) => name)).toEqual([
        ...[
          'serve',
          'consume',
          'migrate',
          'config',
          'drill',
          'audit',
          'watch',
          'log',
          'claims',
          'sagas',
          'dead-letters',
          'accept-history',
          'backup',
          'restore',
          'copy',
          'help',
        ],
      ]);
      expect(stdout).toContain('firstcome help settings');
      const lines = stdout.trimEnd().split('\n');
      expect(lines.filter((line) => line.length > 80)).toEqual([]);
      // The prompt takes one line.
      expect(lines.length).toBeLessThan(24);
    }
  });

  it('lists the settings with help settings', async () => {
    expect(await run(['help', 'settings'])).toEqual({
      ...{ code: 0, stderr: '', calls: [] },
      stdout: 'HTTP\n  PORT=8080\n      Port to listen on.\n',
    });
  });

  it('prints the same help for `help <command>` and `<command> --help`', async () => {
    const commands = [
      'serve',
      'consume',
      'migrate',
      'config',
      'drill',
      'audit',
      'watch',
      'log',
      'claims',
      'sagas',
      'dead-letters',
      'accept-history',
      'backup',
      'restore',
      'copy',
    ];
    for (const name of [...commands, 'help']) {
      expect(await run(['help', name])).toEqual(await run([name, '--help']));
    }
  });

  it('names the topics of the help for an unknown one, and exits with 2', async () => {
    expect(await run(['help', 'prices'])).toMatchObject({
      ...{ code: 2, stdout: '', calls: [] },
      stderr: [
        "firstcome: no help on 'prices'",
        'There is help on: serve, consume, migrate, config, drill, audit, watch, log, claims, sagas, dead-letters, accept-history, backup, restore, copy, settings',
        '(firstcome help --help shows the usage)\n',
      ].join('\n'),
    });
  });

  it('describes each command in 80 columns', async () => {
    const commands = [
      'serve',
      'consume',
      'migrate',
      'config',
      'drill',
      'audit',
      'watch',
      'log',
      'dead-letters',
      'accept-history',
      'backup',
      'restore',
      'copy',
    ];
    for (const name of commands) {
      const { code, stdout, calls } = await run([name, '--help']);
      expect({ code, calls }).toEqual({ code: 0, calls: [] });
      expect(stdout).toMatch(new RegExp(`^Usage: firstcome ${name}`));
      expect(stdout).not.toMatch(/^[a-z]+$/m);
      expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    }
  });

  it('describes each scenario in the help of drill', async () => {
    const { stdout } = await run(['drill', '--help']);
    expect(stdout).toContain('\n  flash-sale  many users for few units\n  mixed       all kinds\n');
  });

  it('prints the version', async () => {
    for (const flag of ['--version', '-V']) {
      expect(await run([flag])).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '', calls: [] });
    }
  });
});

describe('a wrong command line', () => {
  it.each([
    [['servee'], /^firstcome: unknown command 'servee'\n\(Did you mean serve\?\)/],
    [['--port', '80'], /^firstcome: unknown option '--port'/],
    [['serve', '--port', '80'], /^firstcome: unknown option '--port'/],
    [['migrate', 'now'], /^firstcome: too many arguments/],
    [['config', '--josn'], /^firstcome: unknown option '--josn'/],
    [['serve', '--worker', '2'], /'--worker'\n\(Did you mean --workers\?\)/],
    [['serve', '--unsafe-durabilty'], /\n\(Did you mean --unsafe-durability\?\)/],
    [[''], /^firstcome: unknown command ''/],
  ])(
    'exits with 2 for %j, names the mistake, points to the help and runs nothing',
    async (args, mistake) => {
      const { code, stdout, stderr, calls } = await run(args);
      expect({ code, stdout, calls }).toEqual({ code: 2, stdout: '', calls: [] });
      expect(stderr).toMatch(mistake);
      expect(stderr).toMatch(/\(firstcome (?:serve |migrate |config )?--help shows the usage\)/);
    },
  );
});

describe('an error', () => {
  it('prints each mistake of an error on a line, without a stack, and exits with 1', async () => {
    const error = Object.assign(new Error('two'), { mistakes: ['PORT must be', 'HOST must be'] });
    expect(await run(['serve'], failing(error))).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'firstcome: PORT must be\nfirstcome: HOST must be\n',
    });
  });

  it.each(['ConfigError', 'BundledPostgresError', 'StartError'])(
    'prints only the message of a %s and exits with 1',
    async (name) => {
      const { code, stderr } = await run([], failing(named(name, 'port is taken\nfree it')));
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: 'firstcome: port is taken\nfirstcome: free it\n',
      });
    },
  );

  it('wraps an error to 80 columns on a terminal, except commands to copy', async () => {
    const long = `PORT must be ${'a whole number '.repeat(8)}`.trim();
    const command = `  ${'run this '.repeat(12)}`.trimEnd();
    const error = named('StartError', `${long}\n${command}`);
    const { stderr } = await run(['serve'], failing(error), 80);
    const lines = stderr.trimEnd().split('\n');
    expect(lines.pop()).toBe(`firstcome: ${command}`);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.every((line) => /^(firstcome: | {11})\S/.test(line))).toBe(true);
    expect(lines.map((line) => line.slice('firstcome: '.length)).join(' ')).toBe(long);
    expect((await run(['serve'], failing(error))).stderr).toBe(
      `firstcome: ${long}\nfirstcome: ${command}\n`,
    );
  });

  it('escapes what moves, hides or reorders text, in errors and in output', async () => {
    const hostile = '\u202ea\u001b[2J\u009b\u200b';
    const escaped = '\\u202ea\\u001b[2J\\u009b\\u200b';
    for (const columns of [undefined, 80]) {
      const { stderr } = await run(['serve'], failing(named('StartError', hostile)), columns);
      expect(stderr).toBe(`firstcome: ${escaped}\n`);
      const mistakes = Object.assign(named('DrillOptionsError', ''), { mistakes: [hostile] });
      const refused = await run(['serve'], failing(mistakes), columns);
      expect(refused.stderr).toContain(`firstcome: ${escaped}\n`);
    }
    expect((await run(['serve'], failing(named('TypeError', hostile)))).stderr).toContain(escaped);
    expect((await run(['serve', `--${hostile}`])).stderr).toContain(escaped);
    const config = async () => hostile;
    expect((await run(['config'], { config })).stdout).toBe(`${escaped}\n`);
    const log: Program['log'] = async (_, output) => output.stderr(`${hostile}\n`);
    expect((await run(['log'], { log })).stderr).toBe(`${escaped}\n`);
  });

  it('wraps an error line by its length after the escapes', async () => {
    const words = Array.from({ length: 10 }, () => '\u202e\u202e').join(' ');
    const { stderr } = await run(['serve'], failing(named('StartError', words)), 80);
    for (const line of stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('prints an unexpected error with its stack and its cause, and exits with 70', async () => {
    const cause = new RangeError('the cause');
    const { code, stderr } = await run([], failing(new TypeError('a bug', { cause })));
    expect(code).toBe(70);
    expect(stderr).toMatch(/^firstcome: unexpected error\nTypeError: a bug\n {4}at /);
    expect(stderr).toMatch(/RangeError: the cause/);
  });

  it('exits with 70 for a thrown value that is no Error', async () => {
    expect(await run([], failing('a text'))).toMatchObject({ code: 70 });
    expect(await run([], failing(undefined))).toMatchObject({ code: 70 });
  });

  it('reports an error of config like that of other commands', async () => {
    const config = async () => {
      throw named('ConfigError', 'PORT must be');
    };
    expect(await run(['config'], { config })).toMatchObject({
      code: 1,
      stderr: 'firstcome: PORT must be\n',
    });
  });
});

it('wraps a long error on a terminal to 80 columns, with an indent instead of the prefix', async () => {
  const error = Object.assign(new Error(), {
    name: 'StartError',
    message: 'word '.repeat(30).trim(),
  });
  let stderr = '';
  const output = { stdout: () => {}, stderr: (text: string) => (stderr += text), errorColumns: 80 };
  const program = { config: () => Promise.reject(error) } as unknown as Program;
  expect(await runCli(['config'], program, output)).toBe(1);
  const lines = stderr.trimEnd().split('\n');
  expect(lines.length).toBeGreaterThan(1);
  expect(lines[0]).toMatch(/^firstcome: word/);
  for (const line of lines.slice(1)) expect(line).toMatch(/^ {11}word/);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(stderr.match(/word/g)).toHaveLength(30);
});
