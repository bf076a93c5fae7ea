// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useState } from 'preact/hooks';
import { serverNowMs } from '../clock.ts';

/** The time of the service, which renders its component again each second. Undefined before the first answer. */
export function useServerNow(): number | undefined {
  const [now, setNow] = useState(serverNowMs);
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNowMs()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
