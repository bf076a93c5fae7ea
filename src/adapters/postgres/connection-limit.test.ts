// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { judgeConnections } from './connection-limit.ts';

const wanted = { processes: 2, claimConnections: 8, queryConnections: 4 };
const limit = (max: number, free: number) => ({ connections_max: max, connections_free: free });

describe('the connections of all pools', () => {
  it('are no matter while all of them are free', () => {
    expect(judgeConnections(wanted, limit(24, 24))).toBeUndefined();
    expect(judgeConnections(wanted, limit(100, 24))).toBeUndefined();
  });

  it('are refused when the database never admits as many, with what to do', () => {
    expect(() => judgeConnections(wanted, limit(23, 23))).toThrow(
      'the pools may take 24 connections (2 processes, each 8 for claims and 4 for queries), but the database admits 23 of this role\n' +
        'Raise max_connections of the server, or the limit of the database or the role; or lower ' +
        'DATABASE_CLAIM_CONNECTIONS, DATABASE_QUERY_CONNECTIONS or WORKERS.',
    );
  });

  it('are warned of when others have some of them now', () => {
    expect(judgeConnections({ ...wanted, processes: 1 }, limit(100, 11))).toMatch(
      /^the pools may take 12 connections \(1 process, .* of the 100 .* 11 are free now/,
    );
  });
});
