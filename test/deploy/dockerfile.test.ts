// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  contextFiles,
  isWithin,
  lastOf,
  lastStage,
  listIn,
  parseCopy,
  parseDockerfile,
} from '../support/dockerfile.ts';

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'Dockerfile'), 'utf8');
const stages = parseDockerfile(text);
const final = lastStage(text);
const all = stages.flatMap(({ instructions }) => instructions);
const copies = all.filter(({ keyword }) => keyword === 'COPY').map(({ rest }) => parseCopy(rest));
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

describe('the Dockerfile', () => {
  it('uses one exact release of Node on Debian in every stage', () => {
    const names = stages.map(({ name }) => name);
    const bases = stages.map(({ from }) => from).filter((from) => !names.includes(from));
    expect(new Set(bases).size).toBe(1);
    expect(bases[0]).toMatch(/^node:24\.\d+\.\d+-[a-z]+-slim$/);
  });

  it('runs only npm ci and scripts of package.json', () => {
    const lines = all.filter(({ keyword }) => keyword === 'RUN').map(({ rest }) => rest);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      const script = /^npm run ([\w:-]+)$/.exec(line)?.[1];
      if (script === undefined) expect(line).toMatch(/^npm ci( --omit=dev)? --ignore-scripts$/);
      else expect(Object.keys(scripts)).toContain(script);
    }
  });

  it('runs no command in the last stage, and installs no development packages there', () => {
    expect(lastOf(final, 'RUN')).toBeUndefined();
    const packages = copies.find(({ sources }) => sources[0]?.endsWith('/node_modules'));
    const installed = stages.find(({ name }) => name === packages?.fromStage);
    expect(installed && lastOf(installed, 'RUN')).toBe('npm ci --omit=dev --ignore-scripts');
  });

  it('has a build context with exactly the files that it copies', () => {
    const sources = copies
      .filter(({ fromStage }) => fromStage === undefined)
      .flatMap((copy) => copy.sources);
    const given = contextFiles(root);
    expect(sources.filter((source) => !given.some((file) => isWithin(file, source)))).toEqual([]);
    expect(given.filter((file) => !sources.some((source) => isWithin(file, source)))).toEqual([]);
    expect(given).toContain('src/main.ts');
  });

  it('copies only from earlier stages', () => {
    stages.forEach(({ instructions }, index) => {
      const before = stages.slice(0, index).map(({ name }) => name);
      for (const { keyword, rest } of instructions) {
        const fromStage = keyword === 'COPY' ? parseCopy(rest).fromStage : undefined;
        if (fromStage !== undefined) expect(before).toContain(fromStage);
      }
    });
  });

  it('runs as the user node in its home folder', () => {
    expect(lastOf(final, 'USER')).toBe('node');
    expect(lastOf(final, 'WORKDIR')).toBe('/home/node');
  });

  it('starts the program directly, so that it receives signals', () => {
    const [program = ''] = listIn(lastOf(final, 'ENTRYPOINT'));
    expect(program).toBe('/app/dist/main.js');
    expect(listIn(lastOf(final, 'CMD'))).toEqual(['serve']);
    const [firstLine] = readFileSync(join(root, 'src/main.ts'), 'utf8').split('\n');
    expect(firstLine).toMatch(/^#!\/usr\/bin\/env -S node /);
  });

  it('checks health with Node, since the image has no other HTTP client', () => {
    const healthcheck = lastOf(final, 'HEALTHCHECK');
    expect(listIn(healthcheck).slice(0, 2)).toEqual(['node', '-e']);
    expect(healthcheck).toMatch(/--interval=\d+s --timeout=\d+s --start-period=\d+s CMD /);
  });
});
