// SPDX-License-Identifier: GPL-3.0-or-later
import { useCallback, useRef, useState } from 'preact/hooks';
import { newKey } from '../../client/environment.ts';
import { FirstcomeError, type ReadResult, type WriteResult } from '../../client.ts';
import {
  afterForeignAnswer,
  afterRead,
  afterResult,
  type Found,
  type WriteState,
  whileSending,
} from './write-state.ts';

/** How a change is sent, and how its outcome is found after a lost answer. */
export type WriteCall<Value> = {
  /** Each call sends the same: the same arguments, and the same key where the operation has one. */
  send: () => Promise<WriteResult<Value>>;
  /** Reads what the change was about. Only for operations that the service does not recognise when they come twice. */
  find?: () => Promise<ReadResult<Found<Value>>>;
};

/** One change of the operator. */
export type Write<Value> = {
  state: WriteState<Value>;
  /** Sends a change, unless another one is under way or in doubt. */
  start: (call: WriteCall<Value>) => void;
  /** After `unknown`: finds out what is true. It reads where the change has `find`, else it sends the change again. */
  askAgain: () => void;
  /** After `unknown`, where a read did not show the change: sends it again. */
  sendAgain: () => void;
  /** Forgets the change. */
  reset: () => void;
};

/** Changes something, and keeps what is known of it. `onDone` is called when it has taken effect. */
export function useWrite<Value>(
  onDone?: (done: Extract<WriteState<Value>, { step: 'done' }>) => void,
): Write<Value> {
  const [state, setState] = useState<WriteState<Value>>({ step: 'idle' });
  const current = useRef(state);
  const call = useRef<WriteCall<Value> | undefined>(undefined);
  const latestOnDone = useRef(onDone);
  latestOnDone.current = onDone;

  const set = useCallback((next: WriteState<Value>) => {
    current.current = next;
    setState(next);
    if (next.step === 'done') latestOnDone.current?.(next);
  }, []);

  const run = useCallback(
    async (kind: 'send' | 'find') => {
      const { send, find } = call.current ?? {};
      if (send === undefined) return;
      set(whileSending(current.current));
      const isInDoubt = current.current.step === 'sending' && current.current.doubt !== undefined;
      try {
        if (kind === 'find' && find !== undefined) {
          set(afterRead(current.current, await find()));
          return;
        }
        const result = await send();
        const isMine = isInDoubt && find !== undefined && result.outcome === 'coupon_exists';
        set(
          isMine ? afterRead(current.current, await find()) : afterResult(current.current, result),
        );
      } catch (error) {
        set(afterForeignAnswer(current.current));
        if (!(error instanceof FirstcomeError)) throw error;
      }
    },
    [set],
  );

  const start = useCallback(
    (next: WriteCall<Value>) => {
      const { step } = current.current;
      if (step === 'sending' || step === 'unknown') return;
      call.current = next;
      run('send');
    },
    [run],
  );
  const again = (kind: 'send' | 'find') => () => {
    if (current.current.step === 'unknown') run(kind);
  };
  return {
    state,
    start,
    askAgain: again('find'),
    sendAgain: again('send'),
    reset: () => set({ step: 'idle' }),
  };
}

/** A key that stays as long as its component, so that whatever the dialog sends twice changes something once. */
export function useIdempotencyKey(): string {
  return useState(newKey)[0];
}
