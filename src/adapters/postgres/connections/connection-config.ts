// SPDX-License-Identifier: GPL-3.0-or-later
/** Turns a connection URL into the driver's configuration, so that the driver reads neither URL nor environment. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { createSecureContext, type ConnectionOptions as TlsOptions } from 'node:tls';
import type pg from 'pg';
import {
  type ConnectionLocation,
  type ConnectionTls,
  isSocket,
  locationFrom,
  type ServerAddress,
} from '../../../core/connection-location.ts';
import { readConnectionUrl } from '../../../core/connection-url.ts';
import { StartError } from '../../../core/errors.ts';
import { openSocket } from './open-socket.ts';

/** The name of a session, and settings that override those of the URL. */
export type SessionOptions = {
  /** Its `application_name`, unless the URL has one. */
  name: string;
  settings?: Record<string, string>;
};

/**
 * The driver's configuration. It has every value: the driver would take a missing or empty one from the environment or
 * a password file. It leads to `server`, or else to the first one of the URL. Throws a `StartError` when the URL cannot
 * be used.
 */
export function connectionConfig(
  url: string,
  session: SessionOptions,
  server?: ServerAddress,
): pg.ClientConfig {
  const location = locationOfUrl(url);
  const user = location.user ?? ownUser();
  const { password, tls } = location;
  const { host, port } = server ?? location.servers[0];
  return {
    ...{ host, port, user, database: location.database ?? user },
    password: password === undefined ? noPassword : () => password,
    ssl: tls === undefined || isSocket({ host, port }) ? false : tlsOptions(tls),
    sslnegotiation: 'postgres',
    stream: openSocket,
    application_name: location.applicationName ?? session.name,
    options: sessionOptions(location.options, session.settings ?? {}),
  };
}

/** The servers that a URL names. */
export function serversOf(url: string): ServerAddress[] {
  return locationOfUrl(url).servers;
}

/** Where a URL leads, for people to read: all servers, without user and password. */
export function describeLocation(url: string): string {
  const { servers, database } = locationOfUrl(url);
  return `${servers.map(describeServer).join(',')}${database === undefined ? '' : `/${database}`}`;
}

/** A server, for people to read. */
export function describeServer({ host, port }: ServerAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}${port === 5432 ? '' : `:${port}`}`;
}

function locationOfUrl(url: string): ConnectionLocation {
  const read = readConnectionUrl(url);
  if (read === undefined)
    throw new StartError(
      'DATABASE_URL is no connection URL of PostgreSQL\nWrite postgres://user:password@host:5432/database',
    );
  const located = locationFrom(read.given);
  const mistakes = [...read.mistakes, ...located.mistakes];
  if (!('location' in located) || mistakes.length > 0) {
    const lines = mistakes.map(({ parameter, message }) =>
      parameter === undefined ? `DATABASE_URL ${message}` : `DATABASE_URL: ${parameter} ${message}`,
    );
    throw new StartError(lines.join('\n'));
  }
  return located.location;
}

function ownUser(): string {
  try {
    return userInfo().username;
  } catch (error) {
    throw new StartError(
      'DATABASE_URL names no user, and the user of this process has no name\nAdd a user to it.',
      { cause: error },
    );
  }
}

async function noPassword(): Promise<string> {
  throw new Error('the server asks for a password, and DATABASE_URL has none');
}

/** Of two settings with one name the server takes the last, so those of the session come after those of the URL. */
function sessionOptions(urlOptions: string | undefined, settings: Record<string, string>): string {
  const own = Object.entries(settings).map(
    ([name, value]) => `-c ${name}=${value.replaceAll(/[\\\s]/g, '\\$&')}`,
  );
  // Never empty, or the driver would read PGOPTIONS.
  return [urlOptions ?? '', ...own].join(' ').trim() || ' ';
}

/** Reads the files for each connection, as libpq does, so that renewed certificates are used at once. */
function tlsOptions({ verify, authoritiesFile, certificate }: ConnectionTls): TlsOptions {
  const options: TlsOptions = {
    rejectUnauthorized: verify !== 'nothing',
    // Accepts a certificate for any host.
    ...(verify !== 'host' && { checkServerIdentity: () => undefined }),
  };
  const define = (name: 'ca' | 'cert' | 'key', path: string | undefined) => {
    if (path === undefined) return;
    const read = pemReader(path);
    Object.defineProperty(options, name, { get: read, enumerable: true, configurable: true });
  };
  define('ca', authoritiesFile);
  define('cert', certificate?.certFile);
  define('key', certificate?.keyFile);
  try {
    createSecureContext({ ...options });
  } catch (error) {
    throw new StartError(
      `the certificates that DATABASE_URL names cannot be used: ${(error as Error).message}`,
      { cause: error },
    );
  }
  return options;
}

/** Reads the file on each call; while it is unreadable or no certificate, the last good content counts. */
function pemReader(path: string): () => string {
  let last: string | undefined;
  return () => {
    try {
      const text = readFileSync(path, 'utf8');
      // Node takes an empty list of authorities as all that it trusts.
      if (!text.includes('-----BEGIN ')) throw new Error(`${path} holds no PEM block`);
      last = text;
    } catch (error) {
      if (last === undefined) throw error;
    }
    return last;
  };
}
