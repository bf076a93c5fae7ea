// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { overviewOf } from '../../../test/support/fake-sale.ts';
import { secondsOf } from '../../../test/support/sale-seconds.ts';
import { columnsOf, shownText } from '../../core/shown-text.ts';
import { frameOf } from './frame.ts';
import type { SaleView } from './sale-view.ts';

const rates = (claimed: number) => ({
  ...{ claimed, accepted: 0, refused: 3_200 },
  refusals: [
    { code: 'sold_out', perSecond: 3_200, isOfAnyCoupon: false },
    { code: 'rate_limited', perSecond: 0.3, isOfAnyCoupon: true },
  ],
});

// Up to the second 1,000, of which those after 900 are complete.
const seconds = secondsOf(
  Array.from({ length: 300 }, (_, place) => (place < 200 ? null : { claimed: 640 })),
  701_000,
).map((second) => ({ ...second, remaining: 5_000 }));

const known: SaleView = {
  overview: overviewOf(),
  ...{ serverMs: Date.parse('2030-01-31T18:00:10.000Z'), stockAgeS: 0.4, answersAgeS: 2.1 },
  ...{ lastSecond: rates(812), tenSeconds: rates(640), soldOutInS: 80, seconds },
  health: { status: 'healthy', version: '1.2.3', database: 'external', durability: 'local' },
  trouble: undefined,
};

const options = {
  ...{ columns: 80, rows: 40, colours: false, origin: 'http://node', timeZone: 'Asia/Tokyo' },
};
const shown = (view: Partial<SaleView> = {}, given: Partial<typeof options> = {}) =>
  frameOf({ ...known, ...view }, { ...options, ...given });
const text = (...given: Parameters<typeof shown>) => shown(...given).join('\n');

describe('the screen of a sale', () => {
  it('shows the stock, the claims, the answers and the last minutes', () => {
    const closes = { closes_at: '2030-01-31T19:02:23.000Z', title: 'Spring launch' };
    const lines = shown({ overview: overviewOf({ coupon: closes }) });
    expect(lines.slice(0, 15)).toEqual([
      '"LAUNCH"',
      'Spring launch',
      'state      open',
      'closes     in 1 h 02 m 13 s  2030-02-01 04:02:23 GMT+9  2030-01-31T19:02:23Z',
      'clock      2030-02-01 03:00:10 GMT+9  2030-01-31T18:00:10Z',
      'data       stock 0.4 s old  answers 2.1 s old',
      'service    healthy  durability local  http://node',
      '',
      'remaining  1,234 of 10,000  12 %  [█████▍                                      ]',
      'sold out   in about 1 m 20 s at the rate of the last 30 s',
      'claims     8,000 confirmed  500 reserved  266 redeemed  12 released',
      'answers    p50 6.70 ms  p99 22.6 ms  120 waiting',
      '',
      'per second            last second     in 10 s',
      'claimed                       812         640',
    ]);
    expect(lines.slice(15)).toEqual([
      'sold_out                    3,200       3,200',
      'rate_limited *                0.3         0.3',
      '* refused before its body was read: of any coupon',
      '',
      `claims/s   ${'·'.repeat(39)}${'█'.repeat(21)}`,
      `remaining  ${'▅'.repeat(60)}`,
      '           last 5 minutes, 5 s a column, up to 640 claims/s',
      'Ctrl-C ends',
    ]);
  });

  it('shows a dash for what is unknown, and never 0', () => {
    const overview = overviewOf({ claims: null, p50_ms: null, p99_ms: null, waiting_claims: null });
    const unknown = {
      ...{ overview, lastSecond: undefined, tenSeconds: undefined, soldOutInS: undefined },
      seconds: [],
      ...{ answersAgeS: undefined, health: undefined },
    };
    const lines = shown(unknown).filter(
      (line) => !/^(?:"|clock|remaining {2}\d|Ctrl| )/.test(line),
    );
    expect(lines.join('\n')).not.toMatch(/\b0\b(?! s|\.)/);
    expect(lines).toEqual(
      expect.arrayContaining([
        'sold out   –',
        'claims     – confirmed  – reserved  – redeemed  – released',
        'answers    p50 –  p99 –  – waiting',
        'claimed                         –           –',
        'refused                         –           –',
        'data       stock 0.4 s old  answers –',
        'service    health –  http://node',
      ]),
    );
  });

  it('says in words that it is stale after three seconds, and why', () => {
    expect(text({ stockAgeS: 3 })).not.toContain('STALE');
    expect(text({ stockAgeS: 3.1, trouble: 'it does not answer' })).toContain(
      'data       stock STALE, 3.1 s old  answers 2.1 s old\n           the service: it does not answer',
    );
    expect(text({ answersAgeS: 75 })).toContain('answers STALE, 1 m 15 s old');
  });

  it('says when a sale opens, and that it has closed, is paused or sold out', () => {
    const of = (coupon: object) => text({ overview: overviewOf({ coupon }) });
    const opens = { state: 'scheduled', opens_at: '2030-01-31T18:00:12.000Z' };
    expect(of(opens)).toContain('state      scheduled\nopens      in 2 s  2030-02-01 03:00:12');
    expect(of({ state: 'closed', closes_at: '2030-01-31T18:00:00.000Z' })).toContain(
      'state      closed\nclosed     10 s ago',
    );
    expect(of({ state: 'paused', paused: true, pause_reason: 'wrong\u001b[1m price' })).toContain(
      'state      paused  "wrong\\u001b[1m price"',
    );
    const soldOut = of({ remaining_amount: 0, archived: true });
    expect(soldOut).toContain('state      open, sold out, archived');
    expect(soldOut).toContain('sold out   yes, no unit remains');
  });

  it('says that units are left when the sale ends', () => {
    const coupon = { closes_at: '2030-01-31T18:00:30.000Z' };
    const overview = overviewOf({ coupon });
    expect(text({ overview, soldOutInS: 19 })).toContain('last 30 s\n');
    expect(text({ overview, soldOutInS: 21 })).toContain('last 30 s: after its end\n');
  });

  it.each([
    [{ reason: 'commits_stalled' as const }, 'unhealthy: its database answers, but no commit'],
    [{}, 'unhealthy: its database cannot decide claims'],
  ])('says why the service is unhealthy: %j', (more, expected) => {
    const health = { status: 'unhealthy' as const, version: '1', database: 'external' as const };
    expect(text({ health: { ...health, ...more } })).toContain(expected);
  });

  it.each([80, 60, 40, 20, 1])('fits into %d columns, also with hostile names', (columns) => {
    const name = `\u202e\u001b[2J${'漢'.repeat(60)}${'e\u0301'.repeat(30)}`;
    const coupon = {
      name,
      title: name,
      pause_reason: name,
      paused: true,
      state: 'paused' as const,
    };
    const overview = overviewOf({ coupon });
    const lines = shown({ overview, trouble: name }, { columns });
    for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(columns);
    expect(lines.map(shownText)).toEqual(lines);
  });

  it('fits into few rows: it leaves out refusals first, and then what is at the bottom', () => {
    const many = {
      ...{ claimed: 1, accepted: 0, refused: 55 },
      refusals: Array.from({ length: 10 }, (_, number) => {
        return { code: `code_${number}`, perSecond: 10 - number, isOfAnyCoupon: false };
      }),
    };
    const view = { lastSecond: many, tenSeconds: many };
    expect(text(view)).toContain('code_9');
    const lines = shown(view, { rows: 24 });
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(lines.join('\n')).toMatch(/code_0.*\n(?:code.*\n)*and \d more codes\n/);
    expect(lines.at(-1)).toBe('Ctrl-C ends');
    expect(shown(view, { rows: 5 })).toEqual(shown(view).slice(0, 5));
  });

  it('has colours only where they are wanted, and says the same in words', () => {
    const coloured = shown({}, { colours: true });
    expect(coloured.join('\n')).toContain('\u001b[32mopen\u001b[0m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the codes of colours.
    expect(coloured.map((line) => line.replaceAll(/\u001b\[[\d;]+m/g, '').trimEnd())).toEqual(
      shown(),
    );
  });
});
