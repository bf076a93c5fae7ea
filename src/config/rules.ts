// SPDX-License-Identifier: GPL-3.0-or-later
import { rulesBetweenKeys } from './api-key-rules.ts';
import { apiKeySettings } from './groups/access.ts';
import { net } from './net.ts';
import { rateLimitRules, rateLimitWarnings } from './rate-limit-rules.ts';
import type { Rule } from './rule.ts';
import type { SettingValues } from './settings.ts';
import { hasUserTokens, rulesOfUserTokens } from './user-tokens/user-token-rules.ts';

const apiKeyLengthMin = 32;

/** Whether only this machine can reach a service that listens on `host`. Names are not resolved. */
export function isLoopback(host: string): boolean {
  // The usual hosts, for which `net` need not be loaded.
  if (host === '127.0.0.1' || host.toLowerCase() === 'localhost') return true;
  const { BlockList, isIP } = net();
  const family = isIP(host);
  if (family === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** The rules between settings. A rule about a setting that has a mistake of its own is not reported. */
export function rulesBetween(values: SettingValues): Rule[] {
  const { http, auth, database, durabilityMin, claims, queue, redis, userTokens } = values;
  const isReachable = !isLoopback(http.host);
  return [
    {
      isBroken: http.requestTimeoutMs < http.headersTimeoutMs,
      about: ['HTTP_REQUEST_TIMEOUT_MS', 'HTTP_HEADERS_TIMEOUT_MS'],
      mistake:
        'HTTP_REQUEST_TIMEOUT_MS must not be below HTTP_HEADERS_TIMEOUT_MS ' +
        `(${http.headersTimeoutMs}), but is ${http.requestTimeoutMs}`,
    },
    {
      isBroken: database.lockTimeoutMs * 2 >= claims.timeoutMs,
      about: ['DATABASE_LOCK_TIMEOUT_MS', 'CLAIM_TIMEOUT_MS'],
      mistake:
        'DATABASE_LOCK_TIMEOUT_MS must be less than half of CLAIM_TIMEOUT_MS ' +
        `(${claims.timeoutMs}), but is ${database.lockTimeoutMs}`,
    },
    {
      isBroken: claims.waitingMax < claims.laneWaitingMax,
      about: ['CLAIM_WAITING_MAX', 'CLAIM_LANE_WAITING_MAX'],
      mistake:
        'CLAIM_WAITING_MAX must not be below CLAIM_LANE_WAITING_MAX ' +
        `(${claims.laneWaitingMax}), but is ${claims.waitingMax}`,
    },
    {
      isBroken: durabilityMin === 'replicated' && database.url === undefined,
      about: ['DURABILITY_MIN', 'DATABASE_URL'],
      mistake:
        'DURABILITY_MIN is "replicated", but the bundled PostgreSQL has no standby: ' +
        'set DATABASE_URL to a server with a synchronous standby, or lower DURABILITY_MIN',
    },
    {
      isBroken: durabilityMin !== 'none' && values.unsafeDurability,
      about: ['DURABILITY_MIN', 'UNSAFE_DURABILITY'],
      mistake:
        `UNSAFE_DURABILITY is true, but DURABILITY_MIN is "${durabilityMin}", which refuses an unsafe database: ` +
        'set one of them only',
    },
    ...rulesBetweenKeys(auth),
    ...rulesOfUserTokens(userTokens),
    {
      isBroken: redis.stockCacheMaxAgeMs > 0 && redis.url === undefined,
      about: ['STOCK_CACHE_MAX_AGE_MS', 'REDIS_URL'],
      mistake: 'STOCK_CACHE_MAX_AGE_MS has no effect without REDIS_URL: set both, or neither',
    },
    {
      isBroken: queue.claimMode === 'queued' && queue.url === undefined,
      about: ['CLAIM_MODE', 'AMQP_URL'],
      mistake: 'CLAIM_MODE is "queued", which needs AMQP_URL: set both, or neither',
    },
    {
      isBroken: !queue.isConsumed && queue.url === undefined,
      about: ['CONSUME_CLAIMS', 'AMQP_URL'],
      mistake: 'CONSUME_CLAIMS=false has no effect without AMQP_URL: set both, or neither',
    },
    {
      isBroken: isReachable && auth.adminApiKey === undefined && !auth.allowAnonymousAdmin,
      about: ['HOST', 'ADMIN_API_KEY', 'ALLOW_ANONYMOUS_ADMIN'],
      mistake:
        `HOST is "${http.host}", which other machines can reach, but nothing protects the admin calls: ` +
        'set ADMIN_API_KEY, or ALLOW_ANONYMOUS_ADMIN=true to let every client administer',
    },
    ...rateLimitRules(values, isReachable),
  ];
}

/** Warnings about allowed but risky settings: each is one line that names the variable. */
export function warningsAbout(values: SettingValues): string[] {
  const { http, auth, userTokens } = values;
  const warnings: string[] = [];
  const isReachable = !isLoopback(http.host);
  for (const [name, { variable }] of Object.entries(apiKeySettings)) {
    const key = auth[name as keyof typeof apiKeySettings]?.reveal();
    if (key !== undefined && key.length < apiKeyLengthMin) {
      warnings.push(`${variable} is shorter than ${apiKeyLengthMin} characters and may be guessed`);
    }
  }
  if (auth.allowAnonymousAdmin) {
    warnings.push(
      auth.adminApiKey === undefined
        ? 'ALLOW_ANONYMOUS_ADMIN is true: every client that can reach the service can administer it'
        : 'ALLOW_ANONYMOUS_ADMIN is true but has no effect, since ADMIN_API_KEY is set',
    );
  }
  if (isReachable && auth.adminApiKey !== undefined && http.allowedHosts.length > 0) {
    warnings.push(
      'ALLOWED_HOSTS has no effect: with ADMIN_API_KEY every Host is allowed unless HOST is loopback',
    );
  }
  const areClaimsOpen = auth.claimApiKey === undefined && !hasUserTokens(userTokens);
  if (isReachable && areClaimsOpen) {
    warnings.push(
      `HOST is "${http.host}" and CLAIM_API_KEY is not set: every client can claim in any user's name`,
    );
  }
  return [...warnings, ...rateLimitWarnings(values, isReachable)];
}
