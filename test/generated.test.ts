// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { generatedFiles } from '../scripts/generated-files.ts';
import { describeConfig, loadConfig, settings } from '../src/config.ts';

const root = join(import.meta.dirname, '..');

function committed(path: string): string {
  const full = join(root, path);
  return existsSync(full) ? readFileSync(full, 'utf8') : '';
}

describe('generated files', () => {
  it.each(generatedFiles)('$path is what the code says today', async ({ path, content }) => {
    // Compared as a boolean: the difference is not to be read but to be generated.
    expect(
      committed(path) === (await content()),
      `${path} is out of date: run npm run generate`,
    ).toBe(true);
  });

  it('name every setting', () => {
    for (const { variable } of settings) {
      expect(committed('docs/configuration.md')).toContain(`| \`${variable}\``);
      expect(committed('.env.example')).toContain(`\n#${variable}=`);
    }
  });

  it('hold the dashboards to the types of the Grafana that runs', () => {
    const { devDependencies } = JSON.parse(committed('package.json'));
    expect(committed('compose.yaml')).toContain(
      `image: grafana/grafana:${devDependencies['@grafana/schema']}\n`,
    );
  });

  it('include an example environment that holds nothing but the defaults', () => {
    const lines = committed('.env.example').replaceAll(/^#(?=[A-Z_]+=)/gm, '');
    const env = parseEnv(lines);
    expect(Object.keys(env).sort()).toEqual(settings.map(({ variable }) => variable).sort());
    const values = (config: ReturnType<typeof loadConfig>) =>
      describeConfig(config).map(({ variable, value }) => [variable, value]);
    expect(values(loadConfig(env))).toEqual(values(loadConfig({})));
  });
});
