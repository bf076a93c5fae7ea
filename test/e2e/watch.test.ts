// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FirstcomeClient } from '../../src/client.ts';
import { columnsOf } from '../../src/core/shown-text.ts';
import { freePort } from '../support/free-port.ts';
import {
  commandOf,
  endServiceProcesses,
  launch,
  patience,
  runToEnd,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { hasTerminals } from '../support/terminal.ts';
import { waitFor } from '../support/wait-for.ts';
import { watchInTerminal } from '../support/watch-process.ts';

const keyOf = (kind: string) => `${kind}-key-of-thirty-two-characters`;
const keys = {
  ...{ ADMIN_API_KEY: keyOf('admin'), CLAIM_API_KEY: keyOf('claim') },
  VIEWER_API_KEY: keyOf('viewer'),
};
const viewer = { VIEWER_API_KEY: keys.VIEWER_API_KEY };
const hostile = '"><script>\u202e$(id) %s 漢字 a/b';

let folder: string;
let service: ServiceProcess;
let client: FirstcomeClient;
let users = 0;

const startService = (port: number) =>
  startServiceProcess({
    ...{ ...patience, ...keys, DATA_DIR: join(folder, 'data'), PORT: String(port) },
  });

async function claim(coupon: string): Promise<void> {
  users += 1;
  const result = await client.claim({ coupon_name: coupon, user_id: `user-${users}` });
  expect(result.outcome).toBe('claimed');
}

beforeAll(async () => {
  folder = await createTemporaryFolder('watch');
  service = await startService(await freePort());
  client = new FirstcomeClient({
    ...{ url: service.url, key: keys.ADMIN_API_KEY, timeoutMs: 240_000 },
  });
  for (const name of [hostile, 'LAUNCH']) {
    const title = `${name}\u202e`;
    const created = await client.createCoupon({ name, amount: 1_000, title });
    expect(created.outcome).toBe('ok');
  }
});

afterAll(async () => {
  await endServiceProcesses();
  await removeTemporaryFolder(folder);
});

const restored = '\u001b[?7h\u001b[?25h\u001b[?1049l';

describe.runIf(hasTerminals)('a sale that is watched on a terminal', () => {
  it('is shown with a hostile name, follows claims, and stays on the restored terminal', async () => {
    const watch = watchInTerminal(
      { ...viewer, NO_COLOR: '1' },
      ['--url', service.url, '--', hostile],
      { columns: 80, rows: 30 },
    );
    const shows = (text: string) =>
      waitFor(text, () => watch.frame()?.some((l) => l.includes(text)));
    await shows('remaining  1,000 of 1,000  100 %');
    await claim(hostile);
    await shows('remaining  999 of 1,000  99 %');
    await shows('claims     1 confirmed  0 reserved  0 redeemed  0 released');
    await shows('healthy  durability local');
    const name = '"\\"><script>\\u{202e}$(id) %s 漢字 a/b"';
    expect(watch.frame()?.[0]).toBe(name);
    await watch.signal('SIGINT');
    expect(await watch.ended()).toEqual({ code: 0, signal: null });
    const [, after = ''] = watch.output().split(restored);
    expect(after.split(/\r+\n/)[0]).toBe(name);
    expect(after).toContain('remaining  999 of 1,000');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of the screen.
    const own = /\u001b\[(?:\?(?:1049|25|7|2026)[hl]|H|2K|J)/g;
    expect(watch.output().replaceAll(own, '')).not.toMatch(/\p{Cc}(?<![\r\n])|\u202e/u);
  });

  it('fits into 60 columns and, when the terminal is made smaller, into fewer', async () => {
    const watch = watchInTerminal(viewer, ['--url', service.url, hostile], {
      ...{ columns: 60, rows: 30 },
    });
    const widest = () => Math.max(...(watch.frame() ?? ['']).map(columnsOf));
    await waitFor('frame', () => watch.frame());
    expect(watch.output()).toContain('\u001b[32mopen\u001b[0m');
    expect(widest()).toBeLessThanOrEqual(60);
    expect(widest()).toBeGreaterThan(50);
    await watch.resize(40, 12);
    await waitFor('smaller frame', () => widest() <= 40 && (watch.frame()?.length ?? 13) <= 12);
    await watch.signal('SIGTERM');
    expect(await watch.ended()).toEqual({ code: 0, signal: null });
    expect(watch.output()).toContain(restored);
  });

  it('is printed in lines on a terminal that cannot move its cursor', async () => {
    const watch = watchInTerminal({ ...viewer, TERM: 'dumb' }, ['--url', service.url, 'LAUNCH'], {
      ...{ columns: 80, rows: 30 },
    });
    await waitFor('lines', () => watch.output().split('\n').length > 2);
    expect(watch.output()).toMatch(/^at=\S+ coupon_name="LAUNCH" state=open /);
    expect(stripVTControlCharacters(watch.output())).toBe(watch.output());
    await watch.signal('SIGINT');
    expect((await watch.ended()).code).toBe(0);
  });

  it('is stale while the service is away, with the last numbers, and followed when it is back', async () => {
    const watch = watchInTerminal(viewer, ['--url', service.url, 'LAUNCH'], {
      ...{ columns: 80, rows: 30 },
    });
    const shown = () => watch.frame()?.join('\n') ?? '';
    await waitFor('frame', () => shown().includes('1,000 of 1,000'));
    await service.killGroup();
    await waitFor('stale frame', () =>
      /stock STALE, [\s\S]*it does not answer[\s\S]*health –/.test(shown()),
    );
    expect(shown()).toContain('remaining  1,000 of 1,000');
    service = await startService(Number(new URL(service.url).port));
    await claim('LAUNCH');
    await waitFor('frame of the service that is back', () => {
      const text = shown();
      return text.includes('999 of 1,000') && !/STALE|not answer/.test(text);
    });
    await watch.signal('SIGINT');
    expect((await watch.ended()).code).toBe(0);
  });
});

describe('a sale that is watched without a terminal', () => {
  it('is one line after the other, until the reader has read enough', async () => {
    const words = commandOf(['watch', '--url', service.url, 'LAUNCH']).map((word) => `'${word}'`);
    const started = launch(viewer, [], ['/bin/sh', '-c', `${words.join(' ')} | head -n 3`]);
    // The shell waits for both.
    expect((await started.ended()).code).toBe(0);
    const lines = started.output().trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).toMatch(
        /^at=\S+ coupon_name="LAUNCH" state=open remaining_amount=\d+ amount=1000 claimed=\d+ claims_per_second=(?:\d+|-) .* problem=\S+$/,
      );
    }
    expect(new Set(lines).size).toBe(3);
  });

  it('is a line of JSON with --json', async () => {
    const args = ['watch', '--json', '--url', service.url, hostile];
    const started = launch(viewer, args);
    await waitFor('line', () => started.output().includes('\n'));
    started.signal('SIGTERM');
    expect((await started.ended()).code).toBe(0);
    const [line = ''] = started.output().split('\n');
    expect(JSON.parse(line)).toMatchObject({ coupon_name: hostile, amount: 1_000, stale: false });
  });

  it.each([
    [viewer, 'NEVER', /there is no coupon "NEVER" at http.*\n.*letter by letter/],
    [{}, 'LAUNCH', /wants a valid key \(401\)\n.*Set VIEWER_API_KEY or ADMIN_API_KEY/],
    [
      { ADMIN_API_KEY: keys.CLAIM_API_KEY },
      'LAUNCH',
      /the admin key or the viewer key.*\n.*Set VIEWER_API_KEY or ADMIN_API_KEY/,
    ],
  ])('is refused with advice: %#', async (env, name, expected) => {
    const { code, output } = await runToEnd(env, ['watch', '--url', service.url, name]);
    expect(output).toMatch(expected);
    expect(code).toBe(1);
  });

  it('says what to do where no service answers', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, output } = await runToEnd({}, ['watch', '--url', url, 'LAUNCH']);
    expect(output).toBe(
      `firstcome: the service at ${url} does not answer\n` +
        'firstcome: Start it, or set its address with --url.\n',
    );
    expect(code).toBe(1);
  });
});
