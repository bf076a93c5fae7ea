// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run dev`: runs the service from source and restarts it after each change. Beside it vite serves the console from source,
 * reloads it after each change, and passes its calls on to the service.
 */
import { spawn } from 'node:child_process';
import { createServer } from 'vite';

const service = spawn('tsx', ['watch', 'src/main.ts', 'serve'], { stdio: 'inherit' });
const pages = await createServer({
  configFile: 'src/console/vite.config.ts',
  // The packages are modules already.
  optimizeDeps: { noDiscovery: true },
  server: {
    // The same host as in the cookie and in the origin, and no other machine.
    host: 'localhost',
    proxy: {
      '^/(?:api|health|readyz|livez|metrics|console/session)(?:[/?]|$)': `http://127.0.0.1:${process.env.PORT ?? 8080}`,
    },
  },
});
await pages.listen();
process.stdout.write(`console from source: ${pages.resolvedUrls?.local[0]}\n`);

service.once('exit', (code) => process.exit(code ?? 0));
// In a terminal the service gets the signal too. This process ends after it.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => service.kill('SIGTERM'));
