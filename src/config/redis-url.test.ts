// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRedisUrl, shownRedisUrl, whyNoRedisUrl } from './redis-url.ts';

const server = { hosts: [{ host: 'redis', port: 6379 }], database: 0, tls: false };

describe('readRedisUrl', () => {
  it.each([
    ['redis://redis', server],
    ['redis://redis/', server],
    ['REDIS://redis:7000/3', { ...server, hosts: [{ host: 'redis', port: 7000 }], database: 3 }],
    ['rediss://redis', { ...server, tls: true }],
    ['redis://:pass@redis', { ...server, password: 'pass' }],
    ['redis://ada:p%40%3Ass@redis', { ...server, username: 'ada', password: 'p@:ss' }],
    ['redis://[::1]', { ...server, hosts: [{ host: '::1', port: 6379 }] }],
    ['redis://[2001:db8::7]:7000', { ...server, hosts: [{ host: '2001:db8::7', port: 7000 }] }],
    [
      'redis+sentinel://:pass@one,[::2]:26380,10.0.0.3/my%20master',
      {
        hosts: [
          { host: 'one', port: 26_379 },
          { host: '::2', port: 26_380 },
          { host: '10.0.0.3', port: 26_379 },
        ],
        ...{ masterName: 'my master', password: 'pass', database: 0, tls: false },
      },
    ],
    [
      'rediss+sentinel://one/name',
      {
        hosts: [{ host: 'one', port: 26_379 }],
        ...{ masterName: 'name', database: 0, tls: true },
      },
    ],
  ])('reads %s', (text, target) => {
    expect(readRedisUrl(text)).toEqual(target);
  });

  it.each([
    ['http://redis', 'does not begin with redis://'],
    ['redis:redis', 'does not begin with redis://'],
    ['', 'does not begin with redis://'],
    ['redis://', 'a host is empty'],
    ['redis://:6379', 'a host is empty'],
    ['redis://one,/name', 'a host is empty'],
    ['redis://one,two', 'several hosts'],
    ['redis://redis:', 'a port is no number from 1 to 65535'],
    ['redis://redis:0', 'a port is no number'],
    ['redis://redis:65536', 'a port is no number'],
    ['redis://redis:6379x', 'a port is no number'],
    ['redis://redis:06379', 'a port is no number'],
    ['redis://::1', 'needs brackets'],
    ['redis://[::1', 'needs brackets'],
    ['redis://[redis]', 'a host is no host name'],
    ['redis://[::zz]', 'a host is no host name'],
    ['redis://my redis', 'a host is no host name'],
    ['redis://redis/one', 'its database is no number'],
    ['redis://redis/-1', 'its database is no number'],
    ['redis://redis/70000', 'its database is no number'],
    ['redis://redis/0/1', 'too many'],
    ['redis://redis?db=1', 'there are no parameters'],
    ['redis://redis/0#x', 'there are no parameters'],
    ['redis://:p@ss@redis', 'too many'],
    ['redis://:p/ss@redis', 'too many'],
    ['redis://:p%ss@redis', 'a % is not followed'],
    ['redis://:p%ff@redis', 'a % is not followed'],
    ['redis://a:b:c@redis', 'has a colon'],
    ['redis://ada@redis', 'without a password'],
    ['redis://@redis', 'without a password'],
    ['redis+sentinels://one/name', 'does not begin with redis://'],
    ['redis+sentinel://one', 'the name of the master is missing'],
    ['redis+sentinel://one/', 'the name of the master is missing'],
    ['redis+sentinel://one/%zz', 'a % is not followed'],
  ])('refuses %j', (text, mistake) => {
    expect(whyNoRedisUrl(text)).toContain(mistake);
  });

  it('returns a target or a mistake for any text, and no mistake repeats a part of it', () => {
    const secret = 'Zq7xK';
    const piece = fc.constantFrom(
      ...['redis://', 'rediss://', 'redis+sentinel://', secret, '@', ':', '/', ',', '[', ']'],
      ...['%', '%41', '%ff', '?', '#', '::1', '6379', 'host', ' ', '\n', '\0'],
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(text, (given) => {
        const read = readRedisUrl(given);
        if (!('mistake' in read)) return read.hosts.length > 0;
        return !read.mistake.includes(secret);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('shownRedisUrl', () => {
  it('hides the account', () => {
    expect(shownRedisUrl('redis://ada:secret@redis:6379/1')).toBe('redis://[hidden]@redis:6379/1');
    expect(shownRedisUrl('redis://redis')).toBe('redis://redis');
  });
});
