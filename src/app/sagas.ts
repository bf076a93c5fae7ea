// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the sagas of one process. Their packages are loaded only where `SAGAS_FILE` is set. */
import type { Database } from '../adapters/postgres/database.ts';
import { readCouponSagas } from '../adapters/postgres/sagas/coupon-sagas.ts';
import { postgresSagaRuns } from '../adapters/postgres/sagas/saga-run-store.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import type { ChangeClaim } from '../core/claims/change-claim.ts';
import { createPace } from '../core/duties/pace.ts';
import { advanceShard } from '../core/sagas/advance-shard.ts';
import { batchedProgress } from '../core/sagas/batched-progress.ts';
import type { SagaDefinition } from '../core/sagas/definition.ts';
import type { CallStep, SagaMetrics, SagaRunStore } from '../core/sagas/ports.ts';
import { sagaShards } from '../core/sagas/ports.ts';
import { byLoad } from './by-load.ts';
import type { ClaimLoad } from './claim-load.ts';
import type { PlainLog } from './logger.ts';
import { packageMissingFor } from './missing-package.ts';
import { type JobKind, loadJobRunner } from './open-jobs.ts';
import { stack } from './stack.ts';

/** What the sagas work with. */
export type SagaOptions = {
  config: Config;
  /** For reads that are no part of a saga's run, and for the definitions. */
  forQueries: Database;
  /** Whether there may be sagas, as of the last second, also where this process can run none. */
  isNeeded(): boolean;
  /** That of the engine: a saga confirms and releases its claim as any caller does. */
  changeClaim: ChangeClaim;
  version: string;
  metrics: SagaMetrics;
  claimLoad: Pick<ClaimLoad, 'isHigh'>;
  /** Undefined: calls are not traced. */
  traceCall?: ((call: CallStep) => CallStep) | undefined;
  log: Pick<PlainLog, 'warn'>;
};

/** The sagas of one process. */
export type ProcessSagas = {
  /** Without `SAGAS_FILE` this process leaves its work to others. */
  job: JobKind;
  /** Ends the connections to participants. */
  close(): Promise<void>;
};

// A process that alone has all shards has 16 times as many calls under way.
const inFlightMost = 16;
const inFlightWhileBusy = 1;
// While claims need the process. Several at once cost less each than one at a time.
const inFlightBesideClaims = 16;
const msEachBesideClaims = 40;
// Of versions that are not in the file any more.
const definitionsMax = 100;
// Enough to warn of a file that lacks a saga.
const couponsMax = 1_000;

/**
 * Prepares the sagas, and stores their steps, so that any process can end them. Rejects with a `StartError` where a package is
 * not installed.
 */
export async function prepareSagas(options: SagaOptions): Promise<ProcessSagas> {
  const { config, forQueries, changeClaim, metrics, version, claimLoad, log } = options;
  const { file, participants } = config.sagas;
  const stored = postgresSagaRuns(forQueries);
  const job = {
    // Before deliveries: a client waits for a saga.
    ...{ name: 'sagas', priority: -1 },
    isWanted: () => file !== undefined || options.isNeeded(),
    findDue: async () => (await stored.findDueShards()).map(String),
  };
  await warnOfUnknown(options);
  if (file === undefined) {
    return { job: { ...job, work: undefined }, close: async () => undefined };
  }
  await loadJobRunner().catch(packageMissingFor('SAGAS_FILE'));
  const { createCallStep } = await import('../adapters/signed-calls/call-participant.ts');
  const caller = createCallStep({ participants, userAgent: `firstcome/${version}` });
  const call = stack(caller.call, [options.traceCall]);
  const definitions = [...config.sagas.definitions.values()];
  await stored.addDefinitions(definitions);
  return {
    close: async () => caller.close(),
    job: {
      ...job,
      work: {
        concurrency: sagaShards,
        load: async () => undefined,
        with(connection) {
          const store = postgresSagaRuns(connection);
          const record = batchedProgress(store, systemClock);
          const findDefinition = definitionsOf(definitions, store);
          const inFlight = byLoad(inFlightMost, inFlightWhileBusy);
          const pace = createPace({
            ...{ clock: systemClock, isLimited: claimLoad.isHigh, msEach: msEachBesideClaims },
          });
          return (shard, signal) =>
            advanceShard(
              {
                ...{ store, record, call, changeClaim, findDefinition, definitions, metrics },
                ...{ clock: systemClock, random: Math.random, warn: log.warn },
                hasParticipant: (name) => participants.has(name),
                inFlightMax: () => (claimLoad.isHigh() ? inFlightBesideClaims : inFlight()),
                pace,
              },
              Number(shard),
              signal,
            );
        },
      },
    },
  };
}

/** Warns of sagas that coupons have and this process does not: where no other has them, they do not go on. */
async function warnOfUnknown({ config, forQueries, log }: SagaOptions): Promise<void> {
  const names = await readCouponSagas(forQueries, couponsMax);
  const unknown = names.filter((name) => !config.sagas.definitions.has(name));
  if (unknown.length === 0) return;
  const message =
    config.sagas.file === undefined
      ? 'coupons have sagas, and SAGAS_FILE is not set; this process runs no saga, and ends none after its deadline'
      : 'coupons have sagas that SAGAS_FILE does not have; this process begins none of them';
  log.warn({ sagas: unknown }, message);
}

/** Finds the definitions of this process, and those of earlier versions in the database. */
function definitionsOf(
  own: readonly SagaDefinition[],
  store: Pick<SagaRunStore, 'readDefinition'>,
): SagaRunStore['readDefinition'] {
  const keyOf = (name: string, version: string) => `${version} ${name}`;
  const known = new Map(own.map((one) => [keyOf(one.name, one.version), one]));
  return async (name, version) => {
    const key = keyOf(name, version);
    const found = known.get(key) ?? (await store.readDefinition(name, version));
    if (found !== undefined && known.size < own.length + definitionsMax) known.set(key, found);
    return found;
  };
}
