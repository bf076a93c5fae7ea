// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { undoEffect } from './undo-effect.ts';

describe('undoEffect', () => {
  it('says what a release does in each state', () => {
    expect(undoEffect({ state: 'reserved' })).toMatch(/^The hold ends, and its unit is on sale/);
    expect(undoEffect({ state: 'confirmed' })).toMatch(/^The claim ends, and its unit is on sale/);
    expect(undoEffect({ state: 'redeemed' })).toContain('refuses');
    expect(undoEffect({ state: 'released' })).toContain('released already');
  });

  it('says that a saga undoes its steps before the claim ends', () => {
    for (const saga_state of ['running', 'needs_attention', 'done'] as const) {
      expect(undoEffect({ state: 'confirmed', saga_state })).toMatch(
        /^The saga .* undoes its steps/,
      );
    }
  });
});
