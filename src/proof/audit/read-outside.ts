// SPDX-License-Identifier: GPL-3.0-or-later
import {
  bookActions,
  bookKinds,
  claimStates,
  type OutsideContent,
  type ReceivedRecord,
} from '../history.ts';
import type { Members } from './members.ts';

/** The types of lines that record what the outside of the service saw. */
export const outsideTypes = [
  ...(['subscribed', 'received', 'delivered', 'book_asked', 'entry', 'book_read'] as const),
] as const;

/** Whether a line records what the outside of the service saw. */
export function isOutsideType(type: string): type is OutsideContent['type'] {
  return outsideTypes.some((one) => one === type);
}

/** Reads such a line. Throws a `RecordingError` that names it. */
export function readOutside(line: Members, type: OutsideContent['type']): OutsideContent {
  switch (type) {
    case 'subscribed':
      line.time('created_at');
      return {
        ...{ type, webhook_id: line.text('webhook_id'), events: line.texts('events') },
        ...{ coupon: line.text('coupon'), created_at: line.text('created_at') },
      };
    case 'received':
      return readReceived(line);
    case 'delivered':
      return { type, pending: line.int('pending'), given_up: line.int('given_up') };
    case 'book_asked':
      return { type, book: line.text('book'), kind: line.oneOf('kind', bookKinds) };
    case 'book_read':
      return {
        ...{ type, book: line.text('book'), kind: line.oneOf('kind', bookKinds) },
        seq: line.int('seq'),
      };
    case 'entry':
      return {
        ...{ type, book: line.text('book'), seq: line.int('seq') },
        ...{ saga_id: line.text('saga_id'), step: line.text('step') },
        action: line.oneOf('action', bookActions),
        ...{ claim_id: line.text('claim_id'), user: line.text('user') },
        ...{ coupon: line.text('coupon'), amount: line.int('amount') },
      };
  }
}

function readReceived(line: Members): ReceivedRecord {
  const [user, claimId] = [line.optionalText('user'), line.optionalText('claim_id')];
  line.time('at');
  return {
    ...{ type: 'received', id: line.text('id'), event: line.text('event') },
    ...{ at: line.text('at'), coupon: line.text('coupon'), signed: line.boolean('signed') },
    ...(user !== undefined && { user }),
    ...(claimId !== undefined && { claim_id: claimId }),
    ...(line.has('position') && { position: line.int('position') }),
    ...(line.has('state') && { state: line.oneOf('state', claimStates) }),
  };
}
