// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads the URL of Redis. Whatever it does not know is refused, never ignored, and no mistake repeats a part of the URL. */
import type { RedisHost, RedisTarget } from '../core/redis-target.ts';
import { decodePart, mistaken, readHost, UrlMistake, withoutAccount } from './url-parts.ts';

const shape =
  /^(?<scheme>rediss?(?:\+sentinel)?):\/\/(?:(?<account>[^@/?#]*)@)?(?<hosts>[^@/?#]*)(?:\/(?<path>[^@/?#]*))?$/i;
const wholeNumber = /^(?:0|[1-9]\d{0,5})$/;

const databaseMax = 65_535;
const hostsMax = 16;
const [serverPort, sentinelPort] = [6379, 26_379];

/** Reads a URL, or says what is wrong with it, in a phrase. Never throws. */
export function readRedisUrl(text: string): RedisTarget | { mistake: string } {
  const { scheme, account, hosts, path } = shape.exec(text)?.groups ?? {};
  if (scheme === undefined) return { mistake: whyNoShape(text) };
  const isSentinel = scheme.toLowerCase().endsWith('+sentinel');
  try {
    const read = readHosts(hosts ?? '', isSentinel ? sentinelPort : serverPort);
    if (!isSentinel && read.length > 1)
      mistaken('only redis+sentinel:// and rediss+sentinel:// have several hosts');
    return {
      ...readAccount(account),
      hosts: read,
      ...(isSentinel
        ? { masterName: readMasterName(path), database: 0 }
        : { database: readDatabase(path) }),
      tls: scheme.toLowerCase().startsWith('rediss'),
    };
  } catch (error) {
    if (error instanceof UrlMistake) return { mistake: error.message };
    throw error;
  }
}

/** What is wrong with a text as the URL of Redis; undefined where it is one. */
export function whyNoRedisUrl(text: string): string | undefined {
  const read = readRedisUrl(text);
  return 'mistake' in read ? read.mistake : undefined;
}

/** The URL without user and password. */
export function shownRedisUrl(text: string): string {
  return withoutAccount(text);
}

function whyNoShape(text: string): string {
  if (/[?#]/.test(text)) {
    return 'it has a ? or a #: there are no parameters, and in a password they are written %3F and %23';
  }
  if (!/^rediss?(?:\+sentinel)?:\/\//i.test(text)) {
    return 'it does not begin with redis://, rediss://, redis+sentinel:// or rediss+sentinel://';
  }
  return 'it has an @ or a / too many: in a user or password they are written %40 and %2F';
}

function readAccount(
  account: string | undefined,
): Pick<RedisTarget, 'username' | 'password'> | Record<string, never> {
  if (account === undefined) return {};
  const [username = '', password = '', ...more] = account.split(':').map(decodePart);
  if (more.length > 0) mistaken('its user or password has a colon: write it as %3A');
  if (password === '') mistaken('it has an account without a password');
  return { password, ...(username !== '' && { username }) };
}

function readHosts(text: string, defaultPort: number): RedisHost[] {
  const hosts = text
    .split(',')
    .map((one) => readHost(one, { defaultPort, examplePort: serverPort, article: 'a' }));
  if (hosts.length > hostsMax) mistaken(`it has more than ${hostsMax} hosts`);
  return hosts;
}

function readMasterName(path: string | undefined): string {
  const name = decodePart(path ?? '');
  if (name === '') mistaken('the name of the master is missing after the Sentinels');
  return name;
}

function readDatabase(path = ''): number {
  if (path === '') return 0;
  const number = wholeNumber.test(path) ? Number(path) : Number.NaN;
  if (!(number <= databaseMax)) mistaken(`its database is no number from 0 to ${databaseMax}`);
  return number;
}
