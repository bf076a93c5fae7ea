// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAmqpUrl, shownAmqpUrl, whyNoAmqpUrl } from './amqp-url.ts';

const broker = {
  ...{ host: 'broker', port: 5672, username: 'guest', password: 'guest' },
  ...{ virtualHost: '/', tls: false },
};

describe('readAmqpUrl', () => {
  it.each([
    ['amqp://broker', broker],
    ['amqp://broker/', broker],
    ['AMQP://broker:7000/shop', { ...broker, port: 7000, virtualHost: 'shop' }],
    ['amqps://broker', { ...broker, port: 5671, tls: true }],
    ['amqp://ada:p%40%3Ass@broker', { ...broker, username: 'ada', password: 'p@:ss' }],
    ['amqp://broker/%2F', broker],
    ['amqp://broker/a%2Fb', { ...broker, virtualHost: 'a/b' }],
    ['amqp://[::1]', { ...broker, host: '::1' }],
    ['amqp://[2001:db8::7]:7000', { ...broker, host: '2001:db8::7', port: 7000 }],
  ])('reads %s', (text, target) => {
    expect(readAmqpUrl(text)).toEqual(target);
  });

  it.each([
    ['http://broker', 'does not begin with amqp://'],
    ['amqp:broker', 'does not begin with amqp://'],
    ['', 'does not begin with amqp://'],
    ['amqp://', 'the host is empty'],
    ['amqp://:5672', 'the host is empty'],
    ['amqp://one,two', 'several hosts'],
    ['amqp://broker:', 'the port is no number from 1 to 65535'],
    ['amqp://broker:0', 'the port is no number'],
    ['amqp://broker:65536', 'the port is no number'],
    ['amqp://broker:5672x', 'the port is no number'],
    ['amqp://broker:05672', 'the port is no number'],
    ['amqp://::1', 'needs brackets'],
    ['amqp://[::1', 'needs brackets'],
    ['amqp://[broker]', 'the host is no host name'],
    ['amqp://[::zz]', 'the host is no host name'],
    ['amqp://my broker', 'the host is no host name'],
    ['amqp://broker/a/b', 'too many'],
    ['amqp://broker?heartbeat=1', 'there are no parameters'],
    ['amqp://broker/a#x', 'there are no parameters'],
    ['amqp://a:p@ss@broker', 'too many'],
    ['amqp://a:p/ss@broker', 'too many'],
    ['amqp://a:p%ss@broker', 'a % is not followed'],
    ['amqp://a:p%ff@broker', 'a % is not followed'],
    ['amqp://broker/%zz', 'a % is not followed'],
    [`amqp://broker/${'x'.repeat(256)}`, 'virtual host is too long'],
    ['amqp://a:b:c@broker', 'has a colon'],
    ['amqp://ada@broker', 'without a password'],
    ['amqp://ada:@broker', 'without a password'],
    ['amqp://:pass@broker', 'without a user'],
    ['amqp://@broker', 'without a user'],
  ])('refuses %j', (text, mistake) => {
    expect(whyNoAmqpUrl(text)).toContain(mistake);
  });

  it('returns a target or a mistake for any text, and no mistake repeats a part of it', () => {
    const secret = 'Zq7xK';
    const piece = fc.constantFrom(
      ...['amqp://', 'amqps://', secret, '@', ':', '/', ',', '[', ']'],
      ...['%', '%41', '%ff', '?', '#', '::1', '5672', 'host', ' ', '\n', '\0'],
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(text, (given) => {
        const read = readAmqpUrl(given);
        if (!('mistake' in read)) return read.host.length > 0;
        return !read.mistake.includes(secret);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('shownAmqpUrl', () => {
  it('hides the account', () => {
    expect(shownAmqpUrl('amqp://ada:secret@broker:5672/x')).toBe('amqp://[hidden]@broker:5672/x');
    expect(shownAmqpUrl('amqp://broker')).toBe('amqp://broker');
  });
});
