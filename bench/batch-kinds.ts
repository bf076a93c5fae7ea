// SPDX-License-Identifier: GPL-3.0-or-later
/** Batches of each kind that a service sends, on the coupons of `batch-tables.ts`. */
import { randomUUID } from 'node:crypto';
import {
  type Call,
  type CommandKind,
  claimCall,
  decideCall,
  multiCouponCall,
  type Query,
  resolveCall,
  sweepCall,
  ticketsCall,
} from './batch-calls.ts';
import { confirmHolds, expireHolds, expireHoldsOf, smallCoupons } from './batch-tables.ts';

/** What a batch writes to the ledger: how many claims, and how many changes of each letter. */
export type BatchEffect = { units: number; changes: Record<string, number> };

/** One kind of batch. */
export type BatchKind = {
  name: string;
  effect: BatchEffect;
  /** Brings claims into the state that the batch needs, and returns the batch. */
  prepare(query: Query, users: readonly string[]): Promise<Call>;
};

/** How many commands a batch has. */
export const batchSize = 128;

const none: BatchEffect = { units: 0, changes: {} };
const allClaimed: BatchEffect = { units: batchSize, changes: {} };
const all = (letter: string): BatchEffect => ({ units: 0, changes: { [letter]: batchSize } });
const quarter = batchSize / 4;
const someOfEach = { units: quarter, changes: { C: quarter, R: quarter, U: quarter } };

const newOnes = (users: readonly string[]) => users.map((user) => `new ${user}`);

const changesOf = (kind: CommandKind, isTogether: boolean): BatchKind['prepare'] =>
  async function prepare(query, users) {
    if (kind === 'redeem') await confirmHolds(query, users);
    return decideCall(query, { ...{ coupon: 'held', users, isTogether }, kindOf: () => kind });
  };

const mixedKinds: CommandKind[] = ['claim', 'confirm', 'redeem', 'release'];

const mixed = (isTogether: boolean): BatchKind['prepare'] =>
  async function prepare(query, users) {
    const kindOf = (index: number) => mixedKinds[index % 4] ?? 'claim';
    await confirmHolds(
      query,
      users.filter((_, index) => kindOf(index) === 'redeem'),
    );
    const sent = users.map((user, index) => (kindOf(index) === 'claim' ? `new ${user}` : user));
    return decideCall(query, { ...{ coupon: 'held', users: sent, isTogether }, kindOf });
  };

const changeKinds = (isTogether: boolean): BatchKind[] => {
  const how = isTogether ? '' : ', one by one';
  return [
    { name: `confirms${how}`, effect: all('C'), prepare: changesOf('confirm', isTogether) },
    { name: `redeems${how}`, effect: all('U'), prepare: changesOf('redeem', isTogether) },
    { name: `releases${how}`, effect: all('R'), prepare: changesOf('release', isTogether) },
    { name: `claims and changes${how}`, effect: someOfEach, prepare: mixed(isTogether) },
  ];
};

const soldOutKinds: BatchKind[] = [
  {
    name: 'releases that are to be announced',
    effect: none,
    async prepare(query, users) {
      await expireHolds(query, 0);
      return decideCall(query, {
        ...{ coupon: 'full', users, isTogether: true },
        kindOf: () => 'release',
      });
    },
  },
  {
    name: 'claims that take expired holds',
    effect: { units: batchSize, changes: { E: batchSize } },
    async prepare(query, users) {
      await expireHolds(query, batchSize);
      return claimCall('full', newOnes(users));
    },
  },
  {
    name: 'sweep of expired holds',
    effect: all('E'),
    async prepare(query) {
      await expireHolds(query, batchSize);
      return sweepCall('full', batchSize);
    },
  },
];

const ticketKinds: BatchKind[] = [
  {
    name: 'claims with tickets',
    effect: allClaimed,
    prepare: async (_, users) => ticketsCall('plain', newOnes(users)),
  },
  {
    name: 'claims with tickets, of holders',
    effect: none,
    prepare: async (_, users) => ticketsCall('plain', users),
  },
  {
    name: 'claims with tickets, decided before',
    effect: none,
    async prepare(query, users) {
      const call = ticketsCall('plain', newOnes(users));
      await query(call.sql, call.values);
      const batchId = randomUUID();
      return { ...call, batchIds: [batchId], values: [batchId, ...call.values.slice(1)] };
    },
  },
];

/** Every kind of batch, in the order in which they are to be run. */
export const batchKinds: readonly BatchKind[] = [
  {
    name: 'claims',
    effect: allClaimed,
    prepare: async (_, users) => claimCall('plain', newOnes(users)),
  },
  {
    name: 'claims of holders',
    effect: none,
    prepare: async (_, users) => claimCall('plain', users),
  },
  ...ticketKinds,
  {
    name: 'claims with holds',
    effect: allClaimed,
    prepare: async (_, users) => claimCall('held', newOnes(users)),
  },
  ...changeKinds(true),
  ...changeKinds(false),
  {
    name: 'claims of users who released',
    effect: allClaimed,
    async prepare(query, users) {
      const released = await changesOf('release', true)(query, users);
      await query(released.sql, released.values);
      return claimCall('held', users);
    },
  },
  {
    name: 'claims of users with expired holds',
    effect: { units: batchSize, changes: { E: batchSize } },
    async prepare(query, users) {
      await expireHoldsOf(query, users);
      return claimCall('held', users);
    },
  },
  ...soldOutKinds,
  {
    name: 'claims of several coupons',
    effect: allClaimed,
    prepare: async (_, users) => multiCouponCall(smallCoupons(users.length), newOnes(users)),
  },
  {
    name: 'a committed batch is resolved',
    effect: someOfEach,
    async prepare(query, users) {
      const { batchIds, sql, values } = await mixed(true)(query, users);
      await query(sql, values);
      return resolveCall('held', batchIds[0] ?? '');
    },
  },
  {
    name: 'a batch is marked void',
    effect: none,
    prepare: async () => resolveCall('held', randomUUID()),
  },
];
