// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads the URL of RabbitMQ. Whatever it does not know is refused, never ignored, and no mistake repeats a part of the URL. */
import {
  decodePart,
  type HostAndPort,
  mistaken,
  readHost,
  UrlMistake,
  withoutAccount,
} from './url-parts.ts';

/** Where RabbitMQ is. */
export type AmqpTarget = {
  /** A host name or an IP address without brackets. */
  host: string;
  port: number;
  /** "guest" by default, as the password. */
  username: string;
  password: string;
  /** "/" by default. */
  virtualHost: string;
  tls: boolean;
};

const shape =
  /^(?<scheme>amqps?):\/\/(?:(?<account>[^@/?#]*)@)?(?<host>[^@/?#]*)(?:\/(?<path>[^@/?#]*))?$/i;

const [plainPort, tlsPort] = [5672, 5671];
const virtualHostBytesMax = 255;

/** Reads a URL, or says what is wrong with it, in a phrase. Never throws. */
export function readAmqpUrl(text: string): AmqpTarget | { mistake: string } {
  const { scheme, account, host, path } = shape.exec(text)?.groups ?? {};
  if (scheme === undefined) return { mistake: whyNoShape(text) };
  const tls = scheme.toLowerCase() === 'amqps';
  try {
    return {
      ...readOneHost(host ?? '', tls ? tlsPort : plainPort),
      ...readAccount(account),
      virtualHost: readVirtualHost(path),
      tls,
    };
  } catch (error) {
    if (error instanceof UrlMistake) return { mistake: error.message };
    throw error;
  }
}

/** What is wrong with a text as the URL of RabbitMQ; undefined where it is one. */
export function whyNoAmqpUrl(text: string): string | undefined {
  const read = readAmqpUrl(text);
  return 'mistake' in read ? read.mistake : undefined;
}

/** The URL without user and password. */
export function shownAmqpUrl(text: string): string {
  return withoutAccount(text);
}

function whyNoShape(text: string): string {
  if (/[?#]/.test(text)) {
    return 'it has a ? or a #: there are no parameters, and in a password they are written %3F and %23';
  }
  if (!/^amqps?:\/\//i.test(text)) return 'it does not begin with amqp:// or amqps://';
  return 'it has an @ or a / too many: in a user, password or virtual host they are written %40 and %2F';
}

function readAccount(account: string | undefined): Pick<AmqpTarget, 'username' | 'password'> {
  if (account === undefined) return { username: 'guest', password: 'guest' };
  const [username = '', password = '', ...more] = account.split(':').map(decodePart);
  if (more.length > 0) mistaken('its user or password has a colon: write it as %3A');
  if (username === '') mistaken('it has an account without a user');
  if (password === '') mistaken('it has an account without a password');
  return { username, password };
}

function readOneHost(text: string, defaultPort: number): HostAndPort {
  if (text.includes(',')) mistaken('it has several hosts: name one, such as that of a balancer');
  return readHost(text, { defaultPort, examplePort: plainPort, article: 'the' });
}

/** A URL that ends with a slash would name the virtual host without a name, which nobody means. */
function readVirtualHost(path = ''): string {
  const name = path === '' ? '/' : decodePart(path);
  if (Buffer.byteLength(name) > virtualHostBytesMax) mistaken('its virtual host is too long');
  return name;
}
