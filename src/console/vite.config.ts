// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // Inlined files would be `data:` addresses, which the content security policy refuses.
  build: {
    assetsInlineLimit: 0,
    outDir: join(import.meta.dirname, '../../dist/console'),
    emptyOutDir: true,
  },
});
