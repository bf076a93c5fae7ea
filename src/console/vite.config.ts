// SPDX-License-Identifier: GPL-3.0-or-later
/** Builds the console: a page and its hashed files, for browsers of the last two and a half years. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';
import { sectionPage } from './alarms/section-page.ts';

const repository = join(import.meta.dirname, '../..');

const base = '/console/';

const read = (path: string) => readFileSync(join(repository, path), 'utf8');

/** The page that alarms link to, and its style sheet. */
const alarmFiles = [
  { name: 'alarms.html', type: 'text/html', source: () => sectionPage(read) },
  {
    ...{ name: 'alarms.css', type: 'text/css' },
    source: () => read('src/console/alarms/section-page.css'),
  },
];

/** Has them in the built console, and in the one that is served from source. */
const alarmPage: Plugin = {
  name: 'alarm-page',
  generateBundle() {
    for (const { name, source } of alarmFiles) {
      this.emitFile({ type: 'asset', fileName: name, source: source() });
    }
  },
  configureServer({ middlewares }) {
    for (const { name, type, source } of alarmFiles) {
      middlewares.use(base + name, (_request, response) => {
        response.setHeader('Content-Type', `${type}; charset=utf-8`).end(source());
      });
    }
  },
};

export default defineConfig({
  root: import.meta.dirname,
  // Not even the variables with the prefix of vite.
  envDir: false,
  publicDir: false,
  base,
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
