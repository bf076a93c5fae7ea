// SPDX-License-Identifier: GPL-3.0-or-later
import type { ConnectionMistake, ConnectionParameter, GivenParameters } from './connection-url.ts';

/** The server and database of a connection, and how it connects. */
export type ConnectionLocation = {
  /** A name, an IP address, or the folder of a Unix socket. */
  host: string;
  port: number;
  /** Undefined: the user of this process. */
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
  /** What is verified of the server's certificate: nothing, its signature, or its signature and the host name. */
  verify: 'nothing' | 'authority' | 'host';
  /** File of the trusted authorities; undefined: those of Node. */
  authoritiesFile: string | undefined;
  /** Files of the client's certificate and key. */
  certificate: { certFile: string; keyFile: string } | undefined;
};

const portMax = 65_535;
const modes = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
const system = 'system';

type Mode = (typeof modes)[number];

type AddMistake = (parameter: ConnectionParameter, message: string) => void;

/** The location that the parameters describe, or the mistakes in them. */
export function locationFrom(
  given: GivenParameters,
): { location: ConnectionLocation; mistakes: [] } | { mistakes: ConnectionMistake[] } {
  const mistakes: ConnectionMistake[] = [];
  const addMistake: AddMistake = (parameter, message) => mistakes.push({ parameter, message });
  const host = given.get('host') ?? 'localhost';
  const port = given.get('port') ?? '5432';
  if (host.includes(',') || port.includes(',')) {
    addMistake(
      'host',
      'must name one server: the one that takes writes, or an address that leads to it',
    );
  } else if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > portMax) {
    addMistake('port', `must be a whole number from 1 to ${portMax}`);
  }
  // The start verifies it anyway.
  if (!['any', 'read-write', 'primary'].includes(given.get('target_session_attrs') ?? 'any')) {
    addMistake('target_session_attrs', 'must be any, read-write or primary: the service writes');
  }
  const tls = tlsFrom(given, addMistake);
  if (mistakes.length > 0) return { mistakes };
  const location = {
    ...{ host, port: Number(port), user: given.get('user'), password: given.get('password') },
    ...{ database: given.get('dbname'), applicationName: given.get('application_name') },
    options: given.get('options'),
    // As in libpq: a socket stays within the machine.
    tls: host.startsWith('/') ? undefined : tls,
  };
  return { location, mistakes: [] };
}

function tlsFrom(given: GivenParameters, addMistake: AddMistake): ConnectionTls | undefined {
  const root = given.get('sslrootcert');
  const certFile = given.get('sslcert');
  const keyFile = given.get('sslkey');
  const mode = given.get('sslmode') ?? (root === system ? 'verify-full' : undefined);
  if (mode === undefined) {
    const [file] = (['sslrootcert', 'sslcert', 'sslkey'] as const).filter((name) =>
      given.has(name),
    );
    if (file !== undefined) addMistake(file, 'needs an sslmode: require, verify-ca or verify-full');
    return undefined;
  }
  if (!isMode(mode)) {
    addMistake('sslmode', modeMistake(mode));
    return undefined;
  }
  if (mode === 'disable') return undefined;
  if (root === system && mode !== 'verify-full') {
    addMistake(
      'sslrootcert',
      `may be ${system} only with sslmode=verify-full: these authorities certify every host`,
    );
  }
  if (mode === 'verify-ca' && root === undefined) {
    addMistake(
      'sslmode',
      'is verify-ca, which needs sslrootcert, a file with the authorities to trust',
    );
  }
  if (certFile !== undefined && keyFile === undefined)
    addMistake('sslcert', 'needs sslkey as well');
  if (certFile === undefined && keyFile !== undefined)
    addMistake('sslkey', 'needs sslcert as well');
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

function modeMistake(mode: string): string {
  if (mode === 'prefer' || mode === 'allow') {
    return `is ${mode}, which is not supported, since it falls back to no encryption unnoticed: write require, or disable`;
  }
  if (mode === 'no-verify') return 'is no-verify, which libpq calls require';
  return `must be one of ${modes.join(', ')}`;
}
