// SPDX-License-Identifier: GPL-3.0-or-later
import type { ConnectionMistake, ConnectionParameter, GivenParameters } from './connection-url.ts';

/** Which server and database a connection leads to, and how. */
export type ConnectionLocation = {
  /** A name, an IP address, or the folder of a Unix socket. */
  host: string;
  port: number;
  /** Undefined: that of the process. */
  user: string | undefined;
  password: string | undefined;
  /** Undefined: named like the user. */
  database: string | undefined;
  applicationName: string | undefined;
  /** Settings of the session, as `-c name=value`. */
  options: string | undefined;
  /** Undefined: not encrypted. */
  tls: ConnectionTls | undefined;
};

/** How a connection is encrypted. */
export type ConnectionTls = {
  /** What of the server's certificate is verified: nothing, who has signed it, or that and the name of the host. */
  verify: 'nothing' | 'authority' | 'host';
  /** A file with the authorities to trust; undefined: those that Node trusts. */
  authoritiesFile: string | undefined;
  /** The client's own certificate and its key, as files. */
  certificate: { certFile: string; keyFile: string } | undefined;
};

const portMax = 65_535;
const modes = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
const system = 'system';

type Mode = (typeof modes)[number];

/** The place that parameters name; mistakes where they do not fit together or hold what is not allowed. */
export function locationFrom(
  given: GivenParameters,
): { place: ConnectionLocation; mistakes: [] } | { mistakes: ConnectionMistake[] } {
  const mistakes: ConnectionMistake[] = [];
  const wrong = (parameter: ConnectionParameter, words: string) =>
    mistakes.push({ parameter, words });
  const host = given.get('host') ?? 'localhost';
  const port = given.get('port') ?? '5432';
  if (host.includes(',') || port.includes(',')) {
    wrong(
      'host',
      'must name one server: the one that takes writes, or an address that leads to it',
    );
  } else if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > portMax) {
    wrong('port', `must be a whole number from 1 to ${portMax}`);
  }
  // The start makes sure of it anyway, whatever is asked for.
  if (!['any', 'read-write', 'primary'].includes(given.get('target_session_attrs') ?? 'any')) {
    wrong('target_session_attrs', 'must be any, read-write or primary: the service writes');
  }
  const tls = tlsFrom(given, wrong);
  if (mistakes.length > 0) return { mistakes };
  const place = {
    ...{ host, port: Number(port), user: given.get('user'), password: given.get('password') },
    ...{ database: given.get('dbname'), applicationName: given.get('application_name') },
    options: given.get('options'),
    // As in libpq: what goes over a socket leaves no machine.
    tls: host.startsWith('/') ? undefined : tls,
  };
  return { place, mistakes: [] };
}

function tlsFrom(
  given: GivenParameters,
  wrong: (parameter: ConnectionParameter, words: string) => void,
): ConnectionTls | undefined {
  const root = given.get('sslrootcert');
  const certFile = given.get('sslcert');
  const keyFile = given.get('sslkey');
  const mode = given.get('sslmode') ?? (root === system ? 'verify-full' : undefined);
  if (mode === undefined) {
    const [file] = (['sslrootcert', 'sslcert', 'sslkey'] as const).filter((name) =>
      given.has(name),
    );
    if (file !== undefined) wrong(file, 'needs an sslmode: require, verify-ca or verify-full');
    return undefined;
  }
  if (!isMode(mode)) {
    wrong('sslmode', modeWords(mode));
    return undefined;
  }
  if (mode === 'disable') return undefined;
  if (root === system && mode !== 'verify-full') {
    wrong(
      'sslrootcert',
      `may be ${system} only with sslmode=verify-full: anybody can be certified`,
    );
  }
  if (mode === 'verify-ca' && root === undefined) {
    wrong('sslmode', 'is verify-ca, which needs sslrootcert, a file with the authorities to trust');
  }
  if (certFile !== undefined && keyFile === undefined) wrong('sslcert', 'needs sslkey as well');
  if (certFile === undefined && keyFile !== undefined) wrong('sslkey', 'needs sslcert as well');
  const certificate = certFile && keyFile ? { certFile, keyFile } : undefined;
  const authoritiesFile = root === system ? undefined : root;
  if (mode === 'verify-full') return { verify: 'host', authoritiesFile, certificate };
  // As in libpq: `require` with authorities verifies them.
  const verify = authoritiesFile === undefined ? 'nothing' : 'authority';
  return { verify, authoritiesFile, certificate };
}

function isMode(text: string): text is Mode {
  return (modes as readonly string[]).includes(text);
}

function modeWords(mode: string): string {
  if (mode === 'prefer' || mode === 'allow') {
    return `is ${mode}, which is not supported, since it gives up encryption unnoticed: write require, or disable`;
  }
  if (mode === 'no-verify') return 'is no-verify, which libpq calls require';
  return `must be one of ${modes.join(', ')}`;
}
