// SPDX-License-Identifier: GPL-3.0-or-later
/** Turns a connection URL into what the driver takes, so that the driver reads neither URL nor environment. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { createSecureContext, type ConnectionOptions as TlsOptions } from 'node:tls';
import type pg from 'pg';
import {
  type ConnectionLocation,
  type ConnectionTls,
  locationFrom,
} from '../../../core/connection-location.ts';
import { readConnectionUrl } from '../../../core/connection-url.ts';
import { StartError } from '../../../core/errors.ts';

/** What a session is called, and what is set in it over what the URL says. */
export type SessionOptions = {
  /** Its `application_name`, unless the URL has one. */
  name: string;
  settings?: Record<string, string>;
};

/**
 * The driver's configuration. Each value is given: what is missing or empty, the driver would take from the environment
 * or a password file. Throws a `StartError` where the URL cannot be used.
 */
export function connectionConfig(url: string, session: SessionOptions): pg.ClientConfig {
  const place = placeOfUrl(url);
  const user = place.user ?? ownUser();
  const { password } = place;
  return {
    ...{ host: place.host, port: place.port, user, database: place.database ?? user },
    password: password === undefined ? withoutPassword : () => password,
    ssl: place.tls === undefined ? false : tlsOptions(place.tls),
    sslnegotiation: 'postgres',
    application_name: place.applicationName ?? session.name,
    options: sessionOptions(place.options, session.settings ?? {}),
  };
}

/** Where a URL leads, for people: without user and password. */
export function describeLocation(url: string): string {
  const { host, port, database } = placeOfUrl(url);
  const address = host.includes(':') ? `[${host}]` : host;
  return `${address}${port === 5432 ? '' : `:${port}`}${database === undefined ? '' : `/${database}`}`;
}

function placeOfUrl(url: string): ConnectionLocation {
  const read = readConnectionUrl(url);
  if (read === undefined) throw new StartError('DATABASE_URL is no connection URL of PostgreSQL');
  const placed = locationFrom(read.given);
  const mistakes = [...read.mistakes, ...placed.mistakes];
  if (!('place' in placed) || mistakes.length > 0) {
    const lines = mistakes.map(({ parameter, words }) =>
      parameter === undefined ? `DATABASE_URL ${words}` : `DATABASE_URL: ${parameter} ${words}`,
    );
    throw new StartError(lines.join('\n'));
  }
  return placed.place;
}

function ownUser(): string {
  try {
    return userInfo().username;
  } catch (error) {
    throw new StartError('DATABASE_URL names no user, and this process has none with a name', {
      cause: error,
    });
  }
}

async function withoutPassword(): Promise<string> {
  throw new Error('the server asks for a password, and DATABASE_URL has none');
}

/** The last one of a name counts, so the session's own come behind those of the URL. */
function sessionOptions(ofUrl: string | undefined, settings: Record<string, string>): string {
  const own = Object.entries(settings).map(
    ([name, value]) => `-c ${name}=${value.replaceAll(/[\\\s]/g, '\\$&')}`,
  );
  // Never empty: see above.
  return [ofUrl ?? '', ...own].join(' ').trim() || ' ';
}

/** The files are read for each connection, as libpq does, so that renewed certificates are used at once. */
function tlsOptions({ verify, authoritiesFile, certificate }: ConnectionTls): TlsOptions {
  const options: TlsOptions = {
    rejectUnauthorized: verify !== 'nothing',
    // Whatever host the certificate is for.
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

/** Reads the file anew each time; while it cannot be read or is no certificate, what was read last counts. */
function pemReader(path: string): () => string {
  let last: string | undefined;
  return () => {
    try {
      const text = readFileSync(path, 'utf8');
      // An empty list of authorities would mean all that Node trusts.
      if (!text.includes('-----BEGIN '))
        throw new Error(`${path} holds nothing in the form of PEM`);
      last = text;
    } catch (error) {
      if (last === undefined) throw error;
    }
    return last;
  };
}
