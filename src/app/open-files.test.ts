// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { loadConfig } from '../config.ts';
import { fewFilesWarning } from './open-files.ts';

const config = loadConfig({ HTTP_CONNECTIONS_MAX: '10000', EVENT_STREAMS_MAX: '5000' });

it('warns a process that may open fewer files than connections and streams, with the remedy', () => {
  const warning = fewFilesWarning(config, 4096) ?? '';
  expect(warning).toMatch(
    /^connections and streams need 16\d{3} files; the limit is 4096: raise ulimit -n$/,
  );
  expect(warning.length).toBeLessThanOrEqual(80);
});

it('does not warn a process with enough files or with an unknown limit', () => {
  const needed = Number(/\d+/.exec(fewFilesWarning(config, 0) ?? '')?.[0]);
  expect(fewFilesWarning(config, needed)).toBeUndefined();
  expect(fewFilesWarning(config, needed - 1)).toBeDefined();
  expect(fewFilesWarning(config, undefined)).toBeUndefined();
});
