// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads the few metrics that the page needs from the text for Prometheus. */

/** A series and its value. */
export type Sample = { name: string; labels: Record<string, string>; value: number };

const sampleLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/;
const labelPair = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** The samples of some metrics. A line that is no sample is left out. */
export function readSamples(text: string, names: readonly string[]): Sample[] {
  return text.split('\n').flatMap((line) => {
    if (!names.some((name) => line.startsWith(name))) return [];
    const [, name = '', labels = '', written = ''] = sampleLine.exec(line) ?? [];
    const value = toNumber(written);
    return names.includes(name) && value !== undefined
      ? [{ name, labels: readLabels(labels), value }]
      : [];
  });
}

function readLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(labelPair)].map(([, name, value = '']) => [
      name,
      value.replace(/\\(.)/g, (_escaped, character) => (character === 'n' ? '\n' : character)),
    ]),
  );
}

function toNumber(written: string): number | undefined {
  if (/^[+-]?Inf$/.test(written)) return written.startsWith('-') ? -Infinity : Infinity;
  const value = Number(written);
  return written === '' || Number.isNaN(value) ? undefined : value;
}
