// SPDX-License-Identifier: GPL-3.0-or-later
/** Shares the result of a call among all callers that ask for the same key before it has ended. */
export function shareUnderWay<Result>(
  call: (key: string) => Promise<Result>,
): (key: string) => Promise<Result> {
  const underWay = new Map<string, Promise<Result>>();
  return (key) => {
    const shared = underWay.get(key) ?? call(key).finally(() => underWay.delete(key));
    underWay.set(key, shared);
    return shared;
  };
}
