// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads connection URLs of PostgreSQL as libpq does. Unknown content is refused, never ignored. */
import { type IsNear, nearestName } from './nearest-name.ts';

/** The parameters that a connection URL may have, by their names in libpq. */
export const connectionParameters = [
  ...(['host', 'port', 'user', 'password', 'dbname'] as const),
  ...(['sslmode', 'sslrootcert', 'sslcert', 'sslkey'] as const),
  ...(['application_name', 'options', 'target_session_attrs'] as const),
] as const;

/** One of them. */
export type ConnectionParameter = (typeof connectionParameters)[number];

/** Parameters that have a value. */
export type GivenParameters = ReadonlyMap<ConnectionParameter, string>;

/** A mistake: the message follows the name of the parameter, or of the URL for a mistake without a parameter. */
export type ConnectionMistake = { parameter?: ConnectionParameter; message: string };

// Parameters of libpq and other drivers, and what to do instead. A mistake may show these names. Any other name may be
// a piece of a password.
const refused: Record<string, string> = {
  connect_timeout: 'set DATABASE_CONNECT_TIMEOUT_MS instead',
  statement_timeout: 'set DATABASE_STATEMENT_TIMEOUT_MS instead',
  lock_timeout: 'set DATABASE_LOCK_TIMEOUT_MS instead',
  uselibpqcompat: 'remove it: sslmode has the same meaning as in libpq',
  connection_limit: 'set DATABASE_CLAIM_CONNECTIONS and DATABASE_QUERY_CONNECTIONS instead',
  pgbouncer: 'remove it, and set the URL of the database behind the pooler',
  ...Object.fromEntries(
    [
      ...['channel_binding', 'client_encoding', 'currentSchema', 'encoding'],
      ...['fallback_application_name', 'gssdelegation', 'gssencmode', 'gsslib', 'hostaddr'],
      ...['idle_in_transaction_session_timeout', 'keepalives', 'keepalives_count'],
      ...['keepalives_idle', 'keepalives_interval', 'krbsrvname', 'load_balance_hosts'],
      ...['max_protocol_version', 'min_protocol_version', 'passfile', 'pool_timeout'],
      ...['query_timeout', 'replication', 'require_auth', 'requirepeer', 'schema', 'search_path'],
      ...['service', 'ssl_max_protocol_version', 'ssl_min_protocol_version', 'sslcertmode'],
      ...['sslcompression', 'sslcrl', 'sslcrldir', 'sslnegotiation', 'sslpassword', 'sslsni'],
      ...['tcp_user_timeout'],
    ].map((name) => [name, 'remove it']),
  ),
};

// An `@` after the host is refused: it may end a password with a `/` or `?`, whose beginning would be shown as the host.
const server = /(?:\[[^\]\s]+\]|[^\s:@/?#[\],]*)(?::\d*)?/.source;
const shape = new RegExp(
  '^postgres(?:ql)?://(?:(?<user>[^:@/?#]*)(?::(?<password>[^@/?#]*))?@)?' +
    `(?<servers>${server}(?:,${server})*)(?:/(?<dbname>[^@?#]*))?(?:\\?(?<query>[^@#]*))?$`,
);
const serverParts = /^(?:\[(?<address>.+)\]|(?<name>[^:]*))(?::(?<port>\d*))?$/;

/**
 * The parameters of a URL; `host` and `port` are lists with commas when it names several servers. Undefined when the text is no connection URL or is not percent-encoded where it must be. A
 * parameter in the query takes precedence, as in libpq. Unlike in libpq, a plus in the query is a space, since programs
 * write it so.
 */
export function readConnectionUrl(
  text: string,
): { given: GivenParameters; mistakes: ConnectionMistake[] } | undefined {
  const groups = shape.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const { query = '', servers = '', ...components } = groups;
  const given = new Map<ConnectionParameter, string>();
  const mistakes: ConnectionMistake[] = [];
  try {
    const all = { ...components, ...readServers(servers) };
    for (const [name, value = ''] of Object.entries(all)) {
      const decoded = decode(value);
      if (decoded !== '') given.set(name as ConnectionParameter, decoded);
    }
    readQuery(query, given, mistakes);
  } catch {
    return undefined;
  }
  return { given, mistakes };
}

/** The hosts and the ports of the servers, each as a list with commas. Without any port there is no list of them. */
function readServers(text: string): { host: string; port: string } {
  const parts = text.split(',').map((each) => serverParts.exec(each)?.groups ?? {});
  const ports = parts.map(({ port = '' }) => port);
  return {
    host: parts.map(({ address, name = '' }) => address ?? name).join(','),
    port: ports.some((port) => port !== '') ? ports.join(',') : '',
  };
}

function readQuery(
  query: string,
  given: Map<ConnectionParameter, string>,
  mistakes: ConnectionMistake[],
): void {
  const seen = new Set<string>();
  for (const [index, pair] of query.split('&').filter(Boolean).entries()) {
    const [rawName = '', ...rest] = pair.split('=');
    const name = decode(rawName);
    const value = decode(rest.join('=').replaceAll('+', ' '));
    const isTwice = seen.has(name);
    seen.add(name);
    if (!isParameter(name)) {
      mistakes.push({ message: unknownName(name, value, index + 1) });
    } else if (isTwice) {
      mistakes.push({ parameter: name, message: 'is given twice' });
    } else if (value !== '') {
      given.set(name, value);
    }
  }
}

function decode(text: string): string {
  const decoded = decodeURIComponent(text);
  // A NUL ends a text in the protocol.
  if (decoded.includes('\0')) throw new URIError('it contains a NUL');
  return decoded;
}

function isParameter(name: string): name is ConnectionParameter {
  return (connectionParameters as readonly string[]).includes(name);
}

// Stricter than for other names, since a mistake shows a name that is near.
const isTypingError: IsNear = (edits, _known, given) =>
  edits <= Math.min(2, Math.floor(given.length / 3));

function unknownName(name: string, value: string, position: number): string {
  if (name === 'ssl') {
    const mode = value === 'true' || value === '1' ? 'require' : 'disable';
    return `has the parameter ssl, which is not supported: write sslmode=${mode}`;
  }
  if (Object.hasOwn(refused, name)) {
    return `has the parameter ${name}, which is not supported: ${refused[name]}`;
  }
  const near = nearestName(name, [...connectionParameters, ...Object.keys(refused)], isTypingError);
  if (near === undefined) {
    return `has an unknown parameter, the ${ordinal(position)} after the "?"; its name is kept hidden`;
  }
  return `has the unknown parameter ${name}: did you mean ${near}?`;
}

function ordinal(position: number): string {
  return ['', 'first', 'second', 'third'][position] ?? `${position}th`;
}

/** A URL with these parameters. Address and account are in their usual positions if possible, the rest in the query. */
export function writeConnectionUrl(given: GivenParameters): string {
  const rest = new Map(given);
  const take = (name: ConnectionParameter) => {
    const value = encodeURIComponent(rest.get(name) ?? '');
    rest.delete(name);
    return value;
  };
  let authority = writeServers(given.get('host') ?? '', given.get('port') ?? '') ?? '';
  if (authority !== '') {
    const account = [take('user'), take('password')].join(':').replace(/:$/, '');
    if (account !== '') authority = `${account}@${authority}`;
    rest.delete('host');
    rest.delete('port');
  }
  const database = take('dbname');
  // Slashes keep a folder readable.
  const pairs = [...rest.keys()].map((name) => `${name}=${take(name).replaceAll('%2F', '/')}`);
  return `postgresql://${authority}/${database}${pairs.length > 0 ? '?' : ''}${pairs.join('&')}`;
}

/** The servers before the database's name. Undefined when they cannot be written there such that they are read alike. */
function writeServers(host: string, port: string): string | undefined {
  const hosts = host.split(',');
  const ports = port === '' ? hosts.map(() => '') : port.split(',');
  const fit =
    hosts.every((each) => /^[\w.-]+$/.test(each)) &&
    ports.every((each) => /^\d*$/.test(each)) &&
    (port === '' || ports.some((each) => each !== '')) &&
    ports.length === hosts.length;
  if (!fit) return undefined;
  return hosts.map((each, index) => (ports[index] ? `${each}:${ports[index]}` : each)).join(',');
}
