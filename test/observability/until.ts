// SPDX-License-Identifier: GPL-3.0-or-later

/** Resolves when `over` aborts. */
export async function until(over: AbortSignal): Promise<void> {
  if (!over.aborted) {
    await new Promise((resolve) => over.addEventListener('abort', resolve, { once: true }));
  }
}
