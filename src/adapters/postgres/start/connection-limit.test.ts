// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { compareConnections } from './connection-limit.ts';

const wanted = { processes: 2, claimConnections: 8, queryConnections: 4, jobConnections: 0 };
const limit = (max: number, free: number) => ({ connections_max: max, connections_free: free });

describe('compareConnections', () => {
  it('accepts pools when all of their connections are free', () => {
    expect(compareConnections(wanted, limit(24, 24))).toBeUndefined();
    expect(compareConnections(wanted, limit(100, 24))).toBeUndefined();
  });

  it('refuses pools that are larger than the limit, and says what to do', () => {
    expect(() => compareConnections(wanted, limit(23, 23))).toThrow(
      'the pools may take 24 connections, but this role may have 23\n' +
        '(2 processes, each 8 for claims and 4 for queries)\n' +
        'Raise max_connections of the server, or the limit of the database or\n' +
        'the role; or lower DATABASE_CLAIM_CONNECTIONS,\n' +
        'DATABASE_QUERY_CONNECTIONS or WORKERS.',
    );
  });

  it('refuses in lines that fit into a terminal, however large the numbers are', () => {
    const most = {
      processes: 64,
      claimConnections: 500,
      queryConnections: 500,
      jobConnections: 100,
    };
    let message = '';
    try {
      compareConnections(most, limit(63_999, 0));
    } catch (error) {
      message = (error as Error).message;
    }
    const lines = message.split('\n').map((line) => `firstcome: ${line}`);
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });

  it('counts the connections that deliver events', () => {
    const withEvents = { ...wanted, jobConnections: 4 };
    expect(compareConnections(withEvents, limit(32, 32))).toBeUndefined();
    expect(() => compareConnections(withEvents, limit(31, 31))).toThrow(
      '(2 processes, each 8 for claims, 4 for queries, 4 for events)',
    );
  });

  it('warns when too few connections are free now', () => {
    expect(compareConnections({ ...wanted, processes: 1 }, limit(100, 11))).toMatch(
      /^the pools may take 12 connections \(1 process, .* of the 100 .* 11 are free now/,
    );
  });
});
