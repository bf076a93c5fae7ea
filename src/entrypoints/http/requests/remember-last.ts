// SPDX-License-Identifier: GPL-3.0-or-later

/** The same test, faster for texts that passed last: nearly all requests name the same host and origin. */
export function rememberLast(
  test: (first: string, second: string) => boolean,
): (first: string, second?: string) => boolean {
  let passedFirst: string | undefined;
  let passedSecond = '';
  return (first, second = '') => {
    if (first === passedFirst && second === passedSecond) return true;
    if (!test(first, second)) return false;
    passedFirst = first;
    passedSecond = second;
    return true;
  };
}
