// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { partitionOf } from './names.ts';
import { explainMismatch } from './topology.ts';

it('explains which argument differs', () => {
  const message =
    'Operation failed: QueueDeclare; 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - inequivalent arg ' +
    "'x-max-length' for queue 'claims.v1.0' in vhost 'shop': received the value '2' of type 'signedint' but current is the " +
    "value '1' of type 'signedint'\"";
  expect(explainMismatch(message)).toBe(
    "the queue claims.v1.0 exists with another x-max-length: it has the value '1' of type 'signedint', and the settings " +
      "want the value '2' of type 'signedint'. Change the setting back, or set AMQP_QUEUE_VERSION one higher on all nodes: " +
      'new claims go to new queues, and the old ones are emptied',
  );
});

it('leaves other messages as they are', () => {
  expect(explainMismatch('Connection closed')).toBe('Connection closed');
});

it('has the same partition for a coupon on all nodes and in all releases', () => {
  expect(['', 'a', 'b', 'shoes', '𝔘'].map(partitionOf)).toEqual([3, 2, 2, 1, 1]);
});
