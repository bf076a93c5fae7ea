// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../../client.ts';
import { isFailed, stateOf, summaryOf } from './delivery-words.ts';

function delivery(state: Delivery['state'], attempts: number): Delivery {
  return {
    ...{ event_id: 'evt_1', type: 'claim.confirmed', timestamp: '2030-01-31T18:00:00Z' },
    ...{ state, attempts, last_attempt_at: null, last_status: null },
    ...{ last_error: null, next_attempt_at: null },
  };
}

const [fresh, retrying] = [delivery('pending', 0), delivery('pending', 3)];
const [delivered, givenUp] = [delivery('delivered', 2), delivery('given_up', 40)];

describe('a delivery', () => {
  it('is being retried after its first attempt', () => {
    const states = ['pending', 'retrying', 'delivered', 'given_up'];
    expect([fresh, retrying, delivered, givenUp].map(stateOf)).toEqual(states);
  });

  it('has failed where its last attempt has', () => {
    expect([fresh, retrying, delivered, givenUp].filter(isFailed)).toEqual([retrying, givenUp]);
  });
});

describe('the summary of deliveries', () => {
  it('says first that attempts fail now', () => {
    expect(summaryOf([givenUp, retrying, delivered], 0)).toEqual({
      ...{ state: 'retrying', text: '2 of the newest 3 failed' },
    });
    expect(summaryOf([givenUp, delivered], 0).state).toBe('given_up');
  });

  it('says that events wait which are due for more than a minute', () => {
    const due = { ...fresh, next_attempt_at: '2030-01-31T18:00:00.000Z' };
    const dueMs = Date.parse(due.next_attempt_at);
    expect(summaryOf([due, delivered], dueMs + 60_001).state).toBe('waiting');
    expect(summaryOf([due, delivered], dueMs + 60_000).state).toBeUndefined();
    expect(summaryOf([due, delivered], undefined).state).toBeUndefined();
  });

  it('says that all are delivered only where they are', () => {
    expect(summaryOf([delivered], 0).state).toBe('delivered');
    expect(summaryOf([delivered, fresh], 0)).toEqual({
      ...{ state: undefined, text: '1 of the newest 2 pending' },
    });
    expect(summaryOf([], 0)).toEqual({ state: undefined, text: 'no event yet' });
  });
});
