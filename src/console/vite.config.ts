// SPDX-License-Identifier: GPL-3.0-or-later
/** Builds the console: a page and its hashed files, for browsers of the last two and a half years. */
import { join } from 'node:path';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  // Not even the variables with the prefix of vite.
  envDir: false,
  publicDir: false,
  base: '/console/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
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
