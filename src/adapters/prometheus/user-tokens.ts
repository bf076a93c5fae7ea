// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, Gauge, type Registry } from 'prom-client';
import { tokenRefusals, type UserTokenMetrics } from '../../core/user-tokens/user-tokens.ts';

/** Registers what every process counts of user tokens. */
export function countUserTokens(registry: Registry): UserTokenMetrics {
  const registers = [registry];
  const tokens = new Counter({
    name: 'firstcome_user_tokens_total',
    help: 'User tokens of requests, by result. remembered: verified before and still valid.',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['verified', 'remembered', ...tokenRefusals]) tokens.inc({ result }, 0);
  const fetches = new Counter({
    name: 'firstcome_user_token_key_fetches_total',
    help: 'Requests for the keys of user tokens at USER_TOKEN_JWKS, by result.',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['fetched', 'failed']) fetches.inc({ result }, 0);
  // Of several workers, one whose requests fail is not hidden by the others.
  const failing = new Gauge({
    name: 'firstcome_user_token_keys_failing',
    help: '1 while the last request for the keys of user tokens has failed, with several workers that of any; 0 otherwise.',
    ...{ registers, aggregator: 'max' },
  });
  failing.set(0);
  return {
    tokenJudged: (result) => tokens.inc({ result }),
    tokenKeysFetched(result) {
      fetches.inc({ result });
      failing.set(result === 'failed' ? 1 : 0);
    },
  };
}
