// SPDX-License-Identifier: GPL-3.0-or-later
/** Builds the console: a page and its hashed files, for browsers of the last two and a half years. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';
import { sectionPage } from './alarms/section-page.ts';

const repository = join(import.meta.dirname, '../..');

/** Adds the page that alarms link to. */
const alarmPage: Plugin = {
  name: 'alarm-page',
  generateBundle() {
    const read = (path: string) => readFileSync(join(repository, path), 'utf8');
    this.emitFile({ type: 'asset', fileName: 'alarms.html', source: sectionPage(read) });
    const style = read('src/console/alarms/section-page.css');
    this.emitFile({ type: 'asset', fileName: 'alarms.css', source: style });
  },
};

export default defineConfig({
  root: import.meta.dirname,
  // Not even the variables with the prefix of vite.
  envDir: false,
  publicDir: false,
  base: '/console/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [alarmPage],
  build: {
    outDir: join(import.meta.dirname, '../../dist/console'),
    emptyOutDir: true,
    // Inlined files would be `data:` addresses, which the content security policy refuses.
    assetsInlineLimit: 0,
    // Every browser of the target knows `modulepreload`.
    modulePreload: { polyfill: false },
    // The packages in the page require that their licences come with it.
    license: { fileName: 'licences.md' },
    // A warning that depends on how busy the machine is.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
