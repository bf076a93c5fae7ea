// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the verification of user tokens. Nothing of it is loaded without keys. */
import { systemClock } from '../adapters/system/clock.ts';
import {
  type Config,
  hasUserTokens,
  parseTokenKeys,
  tokenKeysBytesMax,
  tokenKeysUrl,
} from '../config.ts';
import {
  type TokenKeySet,
  type TokenKeySource,
  tokenKeySet,
} from '../core/user-tokens/token-keys.ts';
import type { UserTokenMetrics, UserTokens } from '../core/user-tokens/user-tokens.ts';
import type { CurrentKeys } from './api-keys.ts';
import type { PlainLog } from './logger.ts';
import { packageMissingFor } from './missing-package.ts';

/** What the verification is composed of. */
export type OpenUserTokensOptions = {
  config: Config;
  keys: CurrentKeys;
  metrics: UserTokenMetrics;
  log: PlainLog;
  /** What ends it is added here. */
  disposers: (() => Promise<void>)[];
};

// Each takes about 200 bytes.
const tokensMax = 50_000;
// One core verifies some thousands a second, so none waits much longer than a second.
const pendingMax = 5_000;
const fetchMsMax = 5_000;

/** Opens the verification; undefined without keys. Rejects where its package is not installed. */
export async function openUserTokens(
  options: OpenUserTokensOptions,
): Promise<UserTokens | undefined> {
  const { userTokens } = options.config;
  const { issuer, audience } = userTokens;
  if (!hasUserTokens(userTokens) || issuer === undefined || audience === undefined) {
    return undefined;
  }
  const variable = userTokens.keysFile === undefined ? 'USER_TOKEN_JWKS' : 'USER_TOKEN_KEYS';
  const { createUserTokens } = await import('../adapters/user-tokens/user-tokens.ts').catch(
    packageMissingFor(variable),
  );
  return createUserTokens({
    ...{ issuer, audience, tokensMax, pendingMax, metrics: options.metrics },
    keys: await openKeySource(options),
    dateMs: () => Date.now(),
  });
}

/** A file has been read with the configuration and is followed like those of the API keys; a URL is fetched here. */
async function openKeySource(options: OpenUserTokensOptions): Promise<TokenKeySource> {
  const { config, keys, metrics, log, disposers } = options;
  const url = tokenKeysUrl(config.userTokens);
  if (url === undefined) return keysOfFile(keys);
  const { RemoteKeys } = await import('../adapters/user-tokens/remote-keys.ts');
  const { fetchKeySet } = await import('../adapters/user-tokens/fetch-key-set.ts');
  const limits = { timeoutMs: fetchMsMax, bytesMax: tokenKeysBytesMax };
  const remote = new RemoteKeys({
    ...{ parse: parseTokenKeys, clock: systemClock, metrics, log },
    fetchText: (stopping) => fetchKeySet(url, { ...limits, stopping }),
  });
  disposers.push(async () => remote.stop());
  await remote.start();
  return remote;
}

function keysOfFile(keys: CurrentKeys): TokenKeySource {
  let text: string | undefined;
  let current: TokenKeySet | undefined;
  return {
    current() {
      const now = keys.now().userTokenKeys;
      if (now !== text) {
        text = now;
        current = now === undefined ? undefined : tokenKeySet(parseTokenKeys(now).keys);
      }
      return current;
    },
    // The file is followed anyway.
    lookForNewKeys: async () => undefined,
  };
}
