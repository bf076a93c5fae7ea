// SPDX-License-Identifier: GPL-3.0-or-later
import { isProxyRange } from '../formats.ts';
import { list, rate } from '../kinds.ts';
import type { SettingGroup } from '../setting-tree.ts';

/** The settings of rate limits. Each limit is off until it is set. */
export const rateLimitsGroup = {
  heading: 'Rate limits',
  introduction:
    'How many requests a caller may make: see [rate-limits.md](rate-limits.md). With REDIS_URL the nodes count together, otherwise each process counts its own.',
  settings: {
    rateLimits: {
      perIp: rate({
        variable: 'RATE_LIMIT_PER_IP',
        help: 'Requests of one IP address; IPv6 addresses of one /64 count together. Needs TRUSTED_PROXIES unless HOST is loopback.',
      }),
      perUser: rate({
        variable: 'RATE_LIMIT_PER_USER',
        help: 'Claims of one user, their changes, and reads of them, by callers with the claim key or a user token.',
      }),
      perKey: rate({
        variable: 'RATE_LIMIT_PER_KEY',
        help: 'Requests with one API key. A key and its next key count together.',
      }),
      all: rate({
        variable: 'RATE_LIMIT_ALL',
        help: 'Requests of all callers together.',
      }),
      trustedProxies: list({
        variable: 'TRUSTED_PROXIES',
        isValid: isProxyRange,
        convert: (item) => item,
        allowed:
          'an IP address or a range such as 10.0.0.0/8 but not of all addresses, or none alone',
        help: 'Proxies, separated by commas, whose X-Forwarded-For names the client and whose X-Forwarded-Proto says that it uses HTTPS; none: clients connect directly. For RATE_LIMIT_PER_IP and for logins to the console.',
      }),
    },
  },
} satisfies SettingGroup;
