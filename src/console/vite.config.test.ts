// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'vite';
import { expect, it } from 'vitest';
import { sectionPage } from './alarms/section-page.ts';
import { hrefOfSection } from './alarms/sections.ts';

const repository = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(repository, path), 'utf8');

it('serves the page of the alarms from source, where an alarm links to it', async () => {
  const pages = await createServer({
    ...{ configFile: join(import.meta.dirname, 'vite.config.ts'), logLevel: 'error' },
    optimizeDeps: { noDiscovery: true },
    server: { host: '127.0.0.1', port: 0, ws: false, watch: null },
  });
  try {
    await pages.listen();
    const origin = new URL(pages.resolvedUrls?.local[0] ?? '').origin;
    const page = await fetch(origin + hrefOfSection('firstcomedown'));
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await page.text()).toBe(sectionPage(read));
    const style = await fetch(`${origin}/console/alarms.css`);
    expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
    expect(await style.text()).toBe(read('src/console/alarms/section-page.css'));
  } finally {
    await pages.close();
  }
});
