// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, printConfig } from '../config.ts';

const open = { HOST: '0.0.0.0', ADMIN_API_KEY: 'a'.repeat(32), CLAIM_API_KEY: 'c'.repeat(32) };
const perIp = { RATE_LIMIT_PER_IP: '50/1s' };

function mistakesIn(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

describe('the settings of rate limits', () => {
  it('are off by default, and read as requests in seconds', () => {
    expect(loadConfig({}).rateLimits).toEqual({ trustedProxies: [] });
    const config = loadConfig({ RATE_LIMIT_ALL: '600/1m', RATE_LIMIT_PER_KEY: '5/2h' });
    expect(config.rateLimits).toMatchObject({
      all: { requests: 600, seconds: 60 },
      perKey: { requests: 5, seconds: 7200 },
    });
    expect(printConfig(config)).toMatch(/^RATE_LIMIT_ALL=600\/1m/m);
  });

  it('refuse what is no rate, and a range that trusts everybody', () => {
    expect(mistakesIn({ RATE_LIMIT_PER_IP: '50' })).toEqual([
      'RATE_LIMIT_PER_IP must be requests/duration, such as 50/1s, 600/1m or 10000/1h, with a duration of 24h at most, but is "50"',
    ]);
    for (const proxies of ['0.0.0.0/0', '::/0', '10.0.0.0/33', '::1/129', '10.0.0', 'proxy', '*']) {
      const [mistake, ...more] = mistakesIn({ ...perIp, TRUSTED_PROXIES: proxies });
      expect(mistake).toMatch(/^TRUSTED_PROXIES: each item must be an IP address or a range/);
      expect(more).toEqual([]);
    }
  });

  it('need the proxies for a limit of addresses on a HOST that others reach, even if it is none', () => {
    expect(mistakesIn({ ...open, ...perIp })).toEqual([
      expect.stringMatching(/^RATE_LIMIT_PER_IP needs TRUSTED_PROXIES, since HOST is "0\.0\.0\.0"/),
    ]);
    expect(mistakesIn({ ...open, ...perIp, TRUSTED_PROXIES: 'none' })).toEqual([]);
    expect(mistakesIn({ ...open, ...perIp, TRUSTED_PROXIES: '10.0.0.0/8, ::1' })).toEqual([]);
    expect(mistakesIn({ ...open, RATE_LIMIT_ALL: '50/1s' })).toEqual([]);
    expect(mistakesIn(perIp)).toEqual([]);
  });

  it('refuse none together with proxies', () => {
    expect(mistakesIn({ ...perIp, TRUSTED_PROXIES: 'none,10.0.0.1' })).toEqual([
      'TRUSTED_PROXIES must be none alone, or name proxies, but has both',
    ]);
  });

  it('warn about a limit that has no effect, or counts all clients as one', () => {
    const warnings = (env: NodeJS.ProcessEnv) => loadConfig(env).warnings;
    expect(warnings({ RATE_LIMIT_PER_USER: '5/1s' })).toEqual([
      expect.stringMatching(/^RATE_LIMIT_PER_USER has no effect/),
    ]);
    expect(warnings({ RATE_LIMIT_PER_KEY: '5/1s' })).toEqual([
      expect.stringMatching(/^RATE_LIMIT_PER_KEY has no effect/),
    ]);
    expect(warnings(perIp)).toEqual([
      expect.stringMatching(/^RATE_LIMIT_PER_IP is set without TRUSTED_PROXIES/),
    ]);
    expect(warnings({ TRUSTED_PROXIES: 'none' })).toEqual([
      expect.stringMatching(/^TRUSTED_PROXIES has no effect/),
    ]);
    const both = { RATE_LIMIT_PER_USER: '5/1s', RATE_LIMIT_PER_KEY: '5/1s' };
    expect(warnings({ ...open, ...both, ...perIp, TRUSTED_PROXIES: 'none' })).toEqual([]);
  });
});
