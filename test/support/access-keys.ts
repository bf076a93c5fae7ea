// SPDX-License-Identifier: GPL-3.0-or-later
/** The callers of the API by their keys, and what those may do. */
import { expect } from 'vitest';
import type { Call } from './contract-client.ts';
import { expectProblem } from './contract-problems.ts';
import type { ContractService } from './contract-service.ts';

/** A key of each kind. */
export const adminKey = 'admin-key-of-thirty-two-characters!';
export const claimKey = 'claim-key-of-thirty-two-characters!';
export const adminKeyNext = 'next-admin-key-of-thirty-two-chars!';
export const claimKeyNext = 'next-claim-key-of-thirty-two-chars!';
export const viewerKey = 'viewer-key-of-thirty-two-characters';

const bearerOf = (key: string) => ({ Authorization: `Bearer ${key}` });
/** The headers of a caller with each key. */
export const bearers = {
  none: {},
  wrong: bearerOf('wrong-key-of-thirty-two-characters!'),
  claim: bearerOf(claimKey),
  'next claim': bearerOf(claimKeyNext),
  viewer: bearerOf(viewerKey),
  admin: bearerOf(adminKey),
  'next admin': bearerOf(adminKeyNext),
};

/** A caller, by its key. */
export type Bearer = keyof typeof bearers;
/** Every caller. */
export const everyBearer = Object.keys(bearers) as Bearer[];

/** The calls that the same keys may do. */
export type Group = 'change' | 'view' | 'claim' | 'change claim' | 'find';

/** A service with some keys: the callers that it knows, and those that may do the calls of a group. */
export type Access = {
  env: Record<string, string>;
  known: Bearer[];
  allowed: Record<Group, Bearer[]>;
};

const allKeys = {
  ...{ ADMIN_API_KEY: adminKey, ADMIN_API_KEY_NEXT: adminKeyNext },
  ...{ CLAIM_API_KEY: claimKey, CLAIM_API_KEY_NEXT: claimKeyNext, VIEWER_API_KEY: viewerKey },
};

/** Services with each combination of keys that matters, by what they are called. */
export const services: Record<string, Access> = {
  'no keys': {
    env: {},
    known: [],
    allowed: {
      ...{ change: everyBearer, view: everyBearer, find: everyBearer },
      ...{ claim: everyBearer, 'change claim': everyBearer },
    },
  },
  ADMIN_API_KEY: {
    env: { ADMIN_API_KEY: adminKey },
    known: ['admin'],
    allowed: {
      ...{ change: ['admin'], view: ['admin'], 'change claim': ['admin'] },
      ...{ claim: everyBearer, find: everyBearer },
    },
  },
  CLAIM_API_KEY: {
    env: { CLAIM_API_KEY: claimKey },
    known: ['claim'],
    allowed: {
      ...{ change: everyBearer, view: everyBearer },
      ...{ claim: ['claim'], 'change claim': ['claim'], find: ['claim'] },
    },
  },
  'admin and claim key': {
    env: { ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey },
    known: ['admin', 'claim'],
    allowed: {
      ...{ change: ['admin'], view: ['admin'], 'change claim': ['claim', 'admin'] },
      ...{ claim: ['claim', 'admin'], find: ['claim', 'admin'] },
    },
  },
  'admin and viewer key': {
    env: { ADMIN_API_KEY: adminKey, VIEWER_API_KEY: viewerKey },
    known: ['admin', 'viewer'],
    allowed: {
      ...{ change: ['admin'], view: ['admin', 'viewer'], 'change claim': ['admin'] },
      ...{ claim: everyBearer, find: everyBearer },
    },
  },
  'every key': {
    env: allKeys,
    known: ['claim', 'next claim', 'viewer', 'admin', 'next admin'],
    allowed: {
      change: ['admin', 'next admin'],
      view: ['admin', 'next admin', 'viewer'],
      claim: ['claim', 'next claim', 'admin', 'next admin'],
      'change claim': ['claim', 'next claim', 'admin', 'next admin'],
      find: ['claim', 'next claim', 'admin', 'next admin', 'viewer'],
    },
  },
};

/** Calls as a caller. The answer must be that of one who may do it, or the refusal of the others. */
export async function expectAccess(
  { known, allowed }: Access,
  { client }: ContractService,
  made: { group: Group | 'all'; call: Call; bearer: Bearer },
): Promise<'served' | 'refused'> {
  const { group, bearer } = made;
  const { headers, ...call } = made.call;
  const answer = await client.call({ ...call, headers: { ...headers, ...bearers[bearer] } });
  if (group === 'all' || allowed[group].includes(bearer)) {
    expect(answer.status, `${bearer}: ${answer.text}`).toBeLessThan(300);
    return 'served';
  }
  const code = known.includes(bearer) ? 'forbidden' : 'unauthorized';
  if (call.method === 'HEAD') expect(answer.status).toBe(code === 'forbidden' ? 403 : 401);
  else expectProblem(answer, code);
  return 'refused';
}
