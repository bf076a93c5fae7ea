// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { momentsOf, toLocalText, zoneTimeName } from './local-time.ts';

const berlin = 'Europe/Berlin';
const utc = (text: string) => Date.parse(text);

describe('momentsOf', () => {
  it('returns the moment of a local time, in winter and in summer', () => {
    expect(momentsOf('2030-01-31T19:00', berlin)).toEqual([utc('2030-01-31T18:00:00Z')]);
    expect(momentsOf('2030-07-31T19:00:05', berlin)).toEqual([utc('2030-07-31T17:00:05Z')]);
    expect(momentsOf('2030-01-31T19:00', 'Asia/Kathmandu')).toEqual([utc('2030-01-31T13:15:00Z')]);
  });

  it('returns both moments of a time that comes twice when clocks are set back', () => {
    const twice = [utc('2030-10-27T00:30:00Z'), utc('2030-10-27T01:30:00Z')];
    expect(momentsOf('2030-10-27T02:30', berlin)).toEqual(twice);
    const half = [utc('2030-04-06T14:45:00Z'), utc('2030-04-06T15:15:00Z')];
    expect(momentsOf('2030-04-07T01:45', 'Australia/Lord_Howe')).toEqual(half);
  });

  it('returns none for a time that is left out when clocks are set forward', () => {
    expect(momentsOf('2030-03-31T02:30', berlin)).toEqual([]);
    expect(momentsOf('2030-03-31T01:59:59', berlin)).toEqual([utc('2030-03-31T00:59:59Z')]);
    expect(momentsOf('2030-03-31T03:00', berlin)).toEqual([utc('2030-03-31T01:00:00Z')]);
  });

  it('returns none for what is no time', () => {
    for (const text of ['', '2030-13-01T00:00', '2030-01-31', 'now', '2030-01-31T18:00Z']) {
      expect(momentsOf(text, berlin), text).toEqual([]);
    }
  });
});

describe('toLocalText', () => {
  it('is what momentsOf reads, to the second', () => {
    for (const moment of ['2030-03-31T00:59:59Z', '2030-10-27T01:30:00Z', '0001-02-03T04:05:06Z']) {
      for (const zone of [berlin, 'America/St_Johns', 'UTC']) {
        expect(momentsOf(toLocalText(utc(moment), zone), zone)).toContain(utc(moment));
      }
    }
    expect(toLocalText(utc('2030-01-31T18:00:00.789Z'), berlin)).toBe('2030-01-31T19:00:00');
  });
});

describe('zoneTimeName', () => {
  it('differs between the two moments of a time that comes twice', () => {
    const names = momentsOf('2030-10-27T02:30', berlin).map((at) => zoneTimeName(at, berlin));
    expect(names).toEqual(['GMT+02:00', 'GMT+01:00']);
  });
});
