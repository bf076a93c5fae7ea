// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useState } from 'preact/hooks';
import { serverNowMs } from '../clock.ts';

/**
 * The time of the service, which renders its component again when a second of it begins. Undefined before the first answer.
 */
export function useServerNow(): number | undefined {
  const [now, setNow] = useState(serverNowMs);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      timer = setTimeout(
        () => {
          setNow(serverNowMs());
          wait();
        },
        // A timer may run a little early: the time shown must not be the second before.
        1_010 - ((serverNowMs() ?? 0) % 1_000),
      );
    };
    wait();
    return () => clearTimeout(timer);
  }, []);
  return now;
}
