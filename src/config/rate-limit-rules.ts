// SPDX-License-Identifier: GPL-3.0-or-later
/** The rules and warnings about rate limits. */
import type { Rule } from './rule.ts';
import type { SettingValues } from './settings.ts';

/** A limit on addresses that would count every client as one, or let clients choose their address. */
export function rateLimitRules({ http, rateLimits }: SettingValues, isReachable: boolean): Rule[] {
  const { perIp, trustedProxies } = rateLimits;
  return [
    {
      isBroken: perIp !== undefined && isReachable && trustedProxies.length === 0,
      about: ['RATE_LIMIT_PER_IP', 'TRUSTED_PROXIES', 'HOST'],
      mistake:
        `RATE_LIMIT_PER_IP needs TRUSTED_PROXIES, since HOST is "${http.host}", which other machines can reach: behind a ` +
        'proxy all clients would count as one; name the proxies, or set TRUSTED_PROXIES=none if there are none',
    },
    {
      isBroken: trustedProxies.includes('none') && trustedProxies.length > 1,
      about: ['TRUSTED_PROXIES'],
      mistake: 'TRUSTED_PROXIES must be none alone, or name proxies, but has both',
    },
  ];
}

/** Warnings about limits that have no effect, or another one than expected. */
export function rateLimitWarnings(
  { auth, rateLimits, userTokens }: SettingValues,
  isReachable: boolean,
): string[] {
  const { perIp, perUser, perKey, trustedProxies } = rateLimits;
  const hasTokens = userTokens.keysFile !== undefined || userTokens.jwks !== undefined;
  const hasClaimKey = auth.claimApiKey !== undefined;
  const warnings: string[] = [];
  if (perUser !== undefined && !hasClaimKey && !hasTokens) {
    warnings.push(
      'RATE_LIMIT_PER_USER has no effect: without CLAIM_API_KEY and user tokens anybody can claim in the name of a user',
    );
  }
  if (perKey !== undefined && !hasClaimKey && auth.adminApiKey === undefined) {
    warnings.push('RATE_LIMIT_PER_KEY has no effect: the service has no API key');
  }
  if (perIp !== undefined && !isReachable && trustedProxies.length === 0) {
    warnings.push(
      'RATE_LIMIT_PER_IP is set without TRUSTED_PROXIES: all clients of a proxy on this machine count as one',
    );
  }
  if (perIp === undefined && trustedProxies.length > 0 && auth.adminApiKey === undefined) {
    warnings.push('TRUSTED_PROXIES has no effect: RATE_LIMIT_PER_IP and ADMIN_API_KEY are not set');
  }
  return warnings;
}
