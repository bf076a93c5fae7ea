// SPDX-License-Identifier: GPL-3.0-or-later
import { net } from './net.ts';
import type { SettingValues, SettingVariable } from './settings.ts';

const apiKeyLengthMin = 32;

/** Whether only this machine can reach a service that listens on `host`. No name but `localhost` is looked up. */
export function isLoopback(host: string): boolean {
  // The default.
  if (host === '127.0.0.1' || host.toLowerCase() === 'localhost') return true;
  const { BlockList, isIP } = net();
  const family = isIP(host);
  if (family === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** One rule between settings, judged. */
export type Rule = {
  broken: boolean;
  /** The settings that the rule compares. */
  about: SettingVariable[];
  mistake: string;
};

/** The rules that tie one setting to another. One that involves a setting with a mistake of its own is not told. */
export function rulesBetween(values: SettingValues, lockTimeoutMs: number): Rule[] {
  const { HOST, ADMIN_API_KEY, CLAIM_API_KEY } = values;
  return [
    {
      broken: values.HTTP_REQUEST_TIMEOUT_MS < values.HTTP_HEADERS_TIMEOUT_MS,
      about: ['HTTP_REQUEST_TIMEOUT_MS', 'HTTP_HEADERS_TIMEOUT_MS'],
      mistake:
        'HTTP_REQUEST_TIMEOUT_MS must not be below HTTP_HEADERS_TIMEOUT_MS ' +
        `(${values.HTTP_HEADERS_TIMEOUT_MS}), but is ${values.HTTP_REQUEST_TIMEOUT_MS}`,
    },
    {
      broken: lockTimeoutMs * 2 >= values.CLAIM_TIMEOUT_MS,
      about: ['DATABASE_LOCK_TIMEOUT_MS', 'CLAIM_TIMEOUT_MS'],
      mistake:
        'DATABASE_LOCK_TIMEOUT_MS must be less than half of CLAIM_TIMEOUT_MS ' +
        `(${values.CLAIM_TIMEOUT_MS}), but is ${lockTimeoutMs}`,
    },
    {
      broken: values.CLAIM_WAITING_MAX < values.CLAIM_LANE_WAITING_MAX,
      about: ['CLAIM_WAITING_MAX', 'CLAIM_LANE_WAITING_MAX'],
      mistake:
        'CLAIM_WAITING_MAX must not be below CLAIM_LANE_WAITING_MAX ' +
        `(${values.CLAIM_LANE_WAITING_MAX}), but is ${values.CLAIM_WAITING_MAX}`,
    },
    {
      broken: ADMIN_API_KEY !== undefined && ADMIN_API_KEY === CLAIM_API_KEY,
      about: ['ADMIN_API_KEY', 'CLAIM_API_KEY'],
      mistake:
        'CLAIM_API_KEY must differ from ADMIN_API_KEY, but is the same: whoever claims could administer',
    },
    {
      broken: !isLoopback(HOST) && ADMIN_API_KEY === undefined && !values.ALLOW_ANONYMOUS_ADMIN,
      about: ['HOST', 'ADMIN_API_KEY', 'ALLOW_ANONYMOUS_ADMIN'],
      mistake:
        `HOST is "${HOST}", which other machines can reach, but nothing protects the admin calls: ` +
        'set ADMIN_API_KEY, or ALLOW_ANONYMOUS_ADMIN=true to let anybody administer',
    },
  ];
}

/** What is allowed but should be known: each warning is one line that names the variable. */
export function warningsAbout(values: SettingValues): string[] {
  const warnings: string[] = [];
  for (const variable of ['ADMIN_API_KEY', 'CLAIM_API_KEY'] as const) {
    const length = values[variable]?.length ?? apiKeyLengthMin;
    if (length < apiKeyLengthMin) {
      warnings.push(`${variable} is shorter than ${apiKeyLengthMin} characters and may be guessed`);
    }
  }
  if (values.ALLOW_ANONYMOUS_ADMIN) {
    warnings.push(
      values.ADMIN_API_KEY === undefined
        ? 'ALLOW_ANONYMOUS_ADMIN is true: anybody who can reach the service can administer it'
        : 'ALLOW_ANONYMOUS_ADMIN is true but has no effect, since ADMIN_API_KEY is set',
    );
  }
  if (
    !isLoopback(values.HOST) &&
    values.ADMIN_API_KEY !== undefined &&
    values.ALLOWED_HOSTS.length > 0
  ) {
    warnings.push(
      'ALLOWED_HOSTS has no effect: with ADMIN_API_KEY every Host is allowed unless HOST is loopback',
    );
  }
  if (!isLoopback(values.HOST) && values.CLAIM_API_KEY === undefined) {
    warnings.push(
      `HOST is "${values.HOST}" and CLAIM_API_KEY is not set: anybody can claim in any user's name`,
    );
  }
  return warnings;
}
