// SPDX-License-Identifier: GPL-3.0-or-later

import type { Saga, WriteResult } from '../../../client.ts';
import type { WriteCall } from '../../actions/use-write.ts';
import { service } from '../../service.ts';

/** A change of a saga that needs attention. After it the saga needs none, which a read shows when the answer is lost. */
export function sagaCall(id: string, send: () => Promise<WriteResult<Saga>>): WriteCall<Saga> {
  return {
    send,
    find: async () => {
      const read = await service.readSaga({ id });
      if (read.outcome !== 'ok') return read;
      const differs = read.value.state === 'needs_attention' ? ['state'] : [];
      return { ...read, value: { value: read.value, differs } };
    },
  };
}
