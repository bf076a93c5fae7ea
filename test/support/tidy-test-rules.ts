// SPDX-License-Identifier: GPL-3.0-or-later
/** The rules about tests. */
import { type Finding, findAll, findingAt, scanned, type TidyFile } from './tidy-files.ts';

// They wait for a condition, or are slow by design: a slow network, a slow service, a client that pauses, a fault.
const slowByDesign = new Set([
  'test/support/wait-for.ts',
  'test/support/last-for.ts',
  'test/support/crowd.ts',
  'test/support/fault-proxy.ts',
  'test/support/drill-fake-sagas.ts',
  'test/support/drill-fake-service.ts',
]);

const onlySetImmediate = /\{\s*setImmediate\b[^,}]*\}\s*from\s*$/;

/** A test waits for a condition with `waitFor`. A fault or a pause of given length uses `lastFor`. */
export function sleepsInTests(files: readonly TidyFile[]): Finding[] {
  return files.filter(isTestCode).flatMap((file) => {
    const { code, literals } = scanned(file);
    const imports = literals.filter(
      ({ text, start }) =>
        /^(?:node:)?timers\/promises$/.test(text) && !onlySetImmediate.test(code.slice(0, start)),
    );
    return [
      ...imports.map(({ text, start }) => findingAt(file, start, `imports ${text}`)),
      ...findAll(file, code, /(?<![.\w])setTimeout\s*\((?!\s*\))/g, () => 'calls setTimeout'),
    ];
  });
}

const exactCounts = [
  /(?<![.\w])(?:waitFor|until)\s*\([^;{]*?=>[^;{]*?\.(?:length|size)\s*===\s*(?!0\b)[\w.]/g,
  /(?<=\.)poll\s*\([^;]*?\)\s*\.(?:toBe|toEqual|toHaveLength)\s*\(\s*[1-9]/g,
];

/** A wait for an exact count never ends when the count is passed between two checks. */
export function exactCountsAwaited(files: readonly TidyFile[]): Finding[] {
  return files
    .filter(isTestCode)
    .flatMap((file) =>
      exactCounts.flatMap((pattern) =>
        findAll(file, scanned(file).code, pattern, () => 'waits for an exact count'),
      ),
    );
}

function isTestCode({ path }: TidyFile): boolean {
  const isTest = /\.test\.tsx?$/.test(path) || /^test\/.*\.m?ts$/.test(path);
  return isTest && !slowByDesign.has(path);
}
