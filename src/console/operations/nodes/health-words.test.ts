// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Health } from '../../../client.ts';
import { unhealthyReasons } from '../../../core/health.ts';
import { adviceOf } from './health-words.ts';

const unhealthy: Health = { status: 'unhealthy', version: '1.0.0', database: 'external' };

describe('the advice on a node', () => {
  it('is none for a healthy node', () => {
    expect(adviceOf({ ...unhealthy, status: 'healthy' })).toBeUndefined();
  });

  it('names a section of the runbook, for every reason and without one', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../../docs/runbook.md'), 'utf8');
    const sections = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title?.toLowerCase());
    for (const reason of [undefined, ...unhealthyReasons]) {
      const advice = adviceOf({ ...unhealthy, ...(reason && { reason }) });
      expect(sections).toContain(advice?.section);
    }
  });
});
