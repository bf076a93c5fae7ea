// SPDX-License-Identifier: GPL-3.0-or-later

/** What stops the components of a start. They run in reverse order. */
export type Disposers = (() => Promise<void>)[];

/**
 * Runs a start, which adds to `disposers` what stops its components. `stop` runs the disposers, last first; so does a
 * start that fails.
 */
export async function startOrUndo<Started>(
  start: (disposers: Disposers) => Promise<Started>,
): Promise<Started & { stop(): Promise<void> }> {
  const disposers: Disposers = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      for (const dispose of disposers.reverse()) await dispose();
    })();
    return stopped;
  };
  try {
    return { ...(await start(disposers)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
