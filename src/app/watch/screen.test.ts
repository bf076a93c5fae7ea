// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { Screen } from './screen.ts';

function screenOf(rows = 4) {
  const stream = {
    ...{ written: '', columns: 10, rows },
    write(text: string) {
      stream.written += text;
    },
  };
  return { stream, screen: new Screen(stream) };
}

const count = (text: string, part: string) => text.split(part).length - 1;

describe('a screen', () => {
  it('is painted in place, without clearing it as a whole', () => {
    const { stream, screen } = screenOf();
    screen.paint(['one', 'two']);
    screen.paint(['three']);
    expect(stream.written).not.toContain('\u001b[2J');
    expect(stream.written).toContain('\u001b[H\u001b[2Kone\r\n\u001b[2Ktwo\r\n\u001b[J');
    expect(stream.written).toContain('\u001b[H\u001b[2Kthree\r\n\u001b[J');
    expect(count(stream.written, '\u001b[?1049h')).toBe(1);
  });

  it('does not scroll where the frame has as many lines as the terminal', () => {
    const { stream, screen } = screenOf(2);
    screen.paint(['one', 'two']);
    expect(stream.written).toContain('\u001b[2Ktwo\u001b[?2026l');
  });

  it('restores the terminal once, and leaves the last frame on it', () => {
    const { stream, screen } = screenOf();
    screen.close();
    expect(stream.written).toBe('');
    screen.paint(['one', 'two']);
    screen.close();
    screen.restore();
    for (const mode of ['1049', '25', '7']) {
      const [on, off] = mode === '1049' ? ['h', 'l'] : ['l', 'h'];
      expect(count(stream.written, `\u001b[?${mode}${on}`)).toBe(1);
      expect(count(stream.written, `\u001b[?${mode}${off}`)).toBe(1);
    }
    expect(stream.written.endsWith('\u001b[?1049lone\ntwo\n')).toBe(true);
  });
});
