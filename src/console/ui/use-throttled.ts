// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useRef, useState } from 'preact/hooks';

const everyMs = 1_000;

/** The value as of at most a second ago. While the page is hidden it stays as it was. */
export function useThrottled<Value>(value: Value): Value {
  const [shown, setShown] = useState(value);
  const latest = useRef(value);
  const changedAtMs = useRef(performance.now());
  latest.current = value;

  const isCurrent = Object.is(value, shown);
  useEffect(() => {
    if (isCurrent) return;
    const show = () => {
      if (document.hidden) return;
      changedAtMs.current = performance.now();
      // As a function, so that a value that is a function is not called.
      setShown(() => latest.current);
    };
    const waitMs = Math.max(0, changedAtMs.current + everyMs - performance.now());
    const timer = setTimeout(show, waitMs);
    document.addEventListener('visibilitychange', show);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', show);
    };
  }, [isCurrent]);
  return shown;
}
