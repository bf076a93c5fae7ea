// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/entrypoints/cli/cli.ts';
import { readDump, writeDump } from '../../src/proof/audit/dump-file.ts';
import { readFaults } from '../../src/proof/audit/read-faults.ts';
import { readHistory } from '../../src/proof/audit/read-history.ts';
import { reportLines } from '../../src/proof/audit/report-lines.ts';
import { microseconds } from '../../src/proof/audit/times.ts';
import type { HistoryEvent } from '../../src/proof/history.ts';
import { anySize, auditRecorded, temporaryFolder } from '../support/proof-audit.ts';
import { generateHistory } from '../support/proof-histories.ts';
import { head, SaleScript, writeJsonLines } from '../support/proof-recorder.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
const file = join(folder.path, 'history.jsonl');

let events: HistoryEvent[];

beforeEach(() => {
  const script = new SaleScript();
  script.create('SALE', 3);
  script.claim('SALE', 'ada', { key: 'k' });
  script.claim('SALE', 'bob');
  events = script.recorder.events;
});

const read = () => {
  writeJsonLines(file, [head, ...events]);
  return readHistory(file);
};
const event = (i: number) => events[i] as HistoryEvent;

describe('reading a history', () => {
  it('joins the events of a history to operations', async () => {
    const history = await read();
    expect(history.count).toBe(3);
    expect(history.describe(1)).toBe('op 1 claim SALE by ada (claimed)');
    expect(history.position.at(1)).toBe(1);
    expect(history.notes).toEqual([]);
  });

  const wrong: [what: string, spoil: () => void, message: string][] = [
    [
      'a doubled completion',
      () => events.push({ ...event(3), i: 6, t_ms: 99 }),
      'op 1 completes twice',
    ],
    [
      'a doubled invocation',
      () => events.push({ ...event(2), i: 6, t_ms: 99 }),
      'op 1 begins twice',
    ],
    [
      'a completion without an invocation',
      () => events.push({ ...event(3), i: 6, t_ms: 99, op: 7 }),
      'never began',
    ],
    ['a missing event number', () => events.splice(3, 1), 'line 5: i is 4, but 3 comes next'],
    ['time that goes back', () => (event(4).t_ms = 1), 'line 6: t_ms goes back from'],
    ['a completion for another user', () => (event(3).user = 'bob'), 'op 1 began with user ada'],
    ['a completion on another node', () => (event(3).node = 'http://b'), 'op 1 began with node'],
    ['a claim without a user', () => delete event(2).user, 'line 4: claim names no user'],
    ['an unknown type', () => Object.assign(event(3), { type: 'done' }), 'type is not one of'],
    ['an invalid time', () => (event(3).claimed_at = 'noon'), 'claimed_at is not an RFC 3339 time'],
    ['an invalid position', () => (event(3).position = 1.5), 'position is not a whole number'],
  ];

  it.each(wrong)('rejects a history with %s, and names the line', async (_, spoil, message) => {
    spoil();
    await expect(read()).rejects.toThrow(message);
    await expect(read()).rejects.toThrow(/^line \d+: /);
  });

  it('rejects a history in which a client has two operations under way', async () => {
    const [begun] = events.splice(4, 1);
    events.splice(3, 0, { ...(begun as HistoryEvent), proc: event(2).proc });
    for (const [i, one] of events.entries()) Object.assign(one, { i, t_ms: i });
    await expect(read()).rejects.toThrow('begins op 2 while its op 1 is under way');
  });

  it('rejects a history in which a client continues after an unknown outcome', async () => {
    event(3).type = 'info';
    for (const one of events.slice(4)) one.proc = event(3).proc;
    await expect(read()).rejects.toThrow('goes on after its op 1 ended as info');
  });

  it('rejects a history with a line that is not JSON', async () => {
    await read();
    const lines = readFileSync(file, 'utf8').split('\n');
    lines[3] = '{"i":2,';
    writeFileSync(file, lines.join('\n'));
    await expect(readHistory(file)).rejects.toThrow('line 4 is not JSON');
  });

  it('rejects a file that is not a history', async () => {
    writeFileSync(file, '{"history":"other","version":1}\n');
    await expect(readHistory(file)).rejects.toThrow('line 1: is not the head of a history');
    writeFileSync(file, '');
    await expect(readHistory(file)).rejects.toThrow('the history is empty');
  });

  it('reads a history up to a last line that is cut off, and notes it', async () => {
    await read();
    truncateSync(file, readFileSync(file).length - 20);
    const history = await readHistory(file);
    expect(history.notes).toEqual([
      'line 7 is cut off and ignored',
      '1 operation has no completion and counts as info',
    ]);
    expect(history.type(2)).toBe('info');
  });

  it('accepts a history whose last line only lacks its newline', async () => {
    await read();
    truncateSync(file, readFileSync(file).length - 1);
    expect((await readHistory(file)).notes).toEqual([]);
  });

  it('keeps all values of a history that is larger than the first allocation', async () => {
    const crowd = { coupons: 1, usersMin: 900, usersMax: 900, unitsMax: 500, queued: 0 };
    const { events: many } = generateHistory(3, {
      ...crowd,
      arrivalMs: 2000,
      trouble: 0.2,
      staleMs: 0,
    });
    events = many;
    const history = await read();
    expect(history.count).toBeGreaterThan(1100);
    for (const one of many) {
      if (one.type === 'invoke') expect(history.begunEvent.at(one.op)).toBe(one.i);
      else expect([history.endEvent(one.op), history.type(one.op)]).toEqual([one.i, one.type]);
    }
  });
});

describe('reading faults', () => {
  const faults = join(folder.path, 'faults.jsonl');
  const startedAt = '2026-11-23T02:46:00.500Z';
  const readFaultLines = (...lines: object[]) => {
    writeJsonLines(faults, lines);
    return readFaults(faults, startedAt);
  };

  it('joins the starts and ends of faults', async () => {
    expect(
      await readFaultLines(
        { t_ms: 5, fault: 'stop', phase: 'start' },
        { t_ms: 9, fault: 'stop', phase: 'end' },
        { t_ms: 12, fault: 'cut', phase: 'start' },
      ),
    ).toEqual([
      { fault: 'stop', beginMs: 5, endMs: 9 },
      { fault: 'cut', beginMs: 12, endMs: Number.POSITIVE_INFINITY },
    ]);
  });

  it.each([
    [{ t_ms: 5, phase: 'end' }, 'line 1: kill ends but never began'],
    [{ at: 'noon', phase: 'start' }, 'line 1: at is not an RFC 3339 time'],
    [{ phase: 'start' }, 'line 1: t_ms is not a number'],
    [{ t_ms: 5, phase: 'begin' }, 'line 1: phase is not one of start,end'],
  ])('rejects the fault line %j, and names the line', async (line, message) => {
    await expect(readFaultLines({ fault: 'kill', ...line })).rejects.toThrow(message);
  });

  it('rejects a fault that ends before it began', async () => {
    const start = { t_ms: 5, fault: 'kill', phase: 'start' };
    await expect(readFaultLines(start, { ...start, t_ms: 4, phase: 'end' })).rejects.toThrow(
      'line 2: kill ends before it began',
    );
  });

  it('reads the faults that the documentation and the help show', async () => {
    let help = '';
    const stdout = (text: string) => {
      help += text;
    };
    const program = { version: '1', scenarios: {}, settingsHelp: () => '' } as never;
    await runCli(['audit', '--help'], program, { stdout, stderr: () => undefined });
    const pages = [
      help,
      readFileSync(new URL('../../docs/guarantees.md', import.meta.url), 'utf8'),
    ];
    for (const page of pages) {
      const shown = page.match(/^ *\{"fault":.*\}$/gm) ?? [];
      expect(await readFaultLines(...shown.map((line) => JSON.parse(line)))).toEqual([
        { fault: 'kill', beginMs: 9_500, endMs: 12_500 },
      ]);
    }
  });
});

describe('a dump file', () => {
  it('reads a dump as it was written', async () => {
    const { dump } = generateHistory(5);
    const path = join(folder.path, 'dump.json');
    await writeDump(path, dump);
    expect(await readDump(path)).toEqual(dump);
  });

  it('rejects a dump that lacks a member', async () => {
    const { dump } = generateHistory(5);
    const path = join(folder.path, 'dump.json');
    Object.assign(dump.claims[1] ?? {}, { claimed_at: 'noon' });
    await writeDump(path, dump);
    await expect(readDump(path)).rejects.toThrow('row 1 of claims: claimed_at is missing or wrong');
  });
});

describe('microseconds', () => {
  it('gives equal times the same number, however they are written', () => {
    const micros = microseconds('2030-01-31T18:00:00.5Z');
    expect(micros).toBe(1_896_112_800_500_000);
    expect(microseconds('2030-01-31T18:00:00.500000Z')).toBe(micros);
    expect(microseconds('2030-01-31T19:30:00.5+01:30')).toBe(micros);
    expect(microseconds('2030-01-31T18:00:00.500001Z')).toBe(micros + 1);
    expect(microseconds('2030-01-31')).toBeNaN();
  });
});

describe('the audit report', () => {
  it('prints plain text of 80 columns that names every rule and violation', async () => {
    const script = new SaleScript();
    script.create('SALE', 40);
    for (let i = 0; i < 14; i += 1) script.claim('SALE', `user-${i}`);
    const name = `${'long'.repeat(40)}\n\u001b[2J`;
    script.claim('SALE', name);
    const dump = script.dump();
    for (const claim of dump.claims) claim.user_id += '-else';
    const recorded = { events: script.recorder.events, dump };
    const report = await auditRecorded(folder.path, recorded, anySize);
    const lines = reportLines(report, 80);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.join('')).not.toMatch(/\p{Cc}/u);
    expect(lines.at(-1)).toMatch(/^verdict: failed \(R3, R4\b.*\)$/);
    expect(lines.some((line) => /^R3 +failed +15 +\S/.test(line))).toBe(true);
    expect(lines.some((line) => line.trim() === '! and 5 more')).toBe(true);
    expect(lines.filter((line) => /^R\d+b? /.test(line))).toHaveLength(30);
  });
});
