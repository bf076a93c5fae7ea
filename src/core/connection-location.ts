// SPDX-License-Identifier: GPL-3.0-or-later
import type { ConnectionMistake, ConnectionParameter, GivenParameters } from './connection-url.ts';

/** Where a server listens. */
export type ServerAddress = {
  /** A name, an IP address, or the folder of a Unix socket. */
  host: string;
  port: number;
};

/** The server and database of a connection, and how it connects. */
export type ConnectionLocation = {
  /** At least one. With several, one of them is the primary, and any other may become it. */
  servers: [ServerAddress, ...ServerAddress[]];
  /** Undefined: the user of this process. */
  user: string | undefined;
  password: string | undefined;
  /** Undefined: named like the user. */
  database: string | undefined;
  applicationName: string | undefined;
  /** Settings of the session, as `-c name=value`. */
  options: string | undefined;
  /** Undefined: not encrypted. A connection over a Unix socket never is. */
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
const portDefault = 5432;
const serversMax = 16;
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
  const servers = serversFrom(given, addMistake);
  // The start verifies it anyway.
  if (!['any', 'read-write', 'primary'].includes(given.get('target_session_attrs') ?? 'any')) {
    addMistake('target_session_attrs', 'must be any, read-write or primary: the service writes');
  }
  const tls = tlsFrom(given, addMistake);
  const [first, ...others] = servers;
  if (first === undefined || mistakes.length > 0) return { mistakes };
  const location: ConnectionLocation = {
    servers: [first, ...others],
    ...{ user: given.get('user'), password: given.get('password') },
    ...{ database: given.get('dbname'), applicationName: given.get('application_name') },
    options: given.get('options'),
    // As in libpq: a socket stays within the machine.
    tls: servers.every(isSocket) ? undefined : tls,
  };
  return { location, mistakes: [] };
}

/** Whether the server is reached over a Unix socket. */
export function isSocket({ host }: ServerAddress): boolean {
  return host.startsWith('/');
}

/** Each host with the port in the same place, or with the only port. */
function serversFrom(given: GivenParameters, addMistake: AddMistake): ServerAddress[] {
  const hosts = (given.get('host') ?? 'localhost').split(',');
  const ports = (given.get('port') ?? '').split(',');
  if (hosts.includes('')) {
    addMistake('host', 'must name a server before and after each comma');
  }
  if (hosts.length > serversMax) addMistake('host', `must name at most ${serversMax} servers`);
  if (ports.length !== 1 && ports.length !== hosts.length) {
    addMistake(
      'port',
      `must be one for all servers or one for each: there are ${ports.length} for ${hosts.length}`,
    );
  }
  if (!ports.every(isPort)) {
    addMistake('port', `must be a whole number from 1 to ${portMax}`);
  }
  return hosts.map((host, index) => {
    const port = ports.length === 1 ? ports[0] : ports[index];
    return { host, port: port ? Number(port) : portDefault };
  });
}

/** An empty one stands for the default, as in libpq. */
function isPort(text: string): boolean {
  return text === '' || (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= portMax);
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
