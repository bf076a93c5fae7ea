// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Serves the page with the client, and signs the tokens of its users. The page claims at the service itself, which needs
 * these settings:
 *
 *     CORS_ORIGINS=http://127.0.0.1:9300 USER_TOKEN_JWKS=http://127.0.0.1:9300/jwks.json
 *     USER_TOKEN_ISSUER=http://127.0.0.1:9300 USER_TOKEN_AUDIENCE=firstcome
 *
 *     COUPON=LAUNCH SERVICE_URL=http://127.0.0.1:8080 node server.mjs
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

const port = Number(process.env.PORT ?? 9300);
const origin = `http://127.0.0.1:${port}`;
const service = process.env.SERVICE_URL ?? 'http://127.0.0.1:8080';
const coupon = process.env.COUPON ?? 'LAUNCH';

// The page loads nothing but its own scripts, and connects to nothing but its own origin and the service.
const policy = [
  ...["default-src 'none'", "script-src 'self'", `connect-src 'self' ${new URL(service).origin}`],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');

// A real login keeps its key: tokens that were signed before a restart would not be valid after it.
const header = { alg: 'EdDSA', kid: 'key-1' };
const { publicKey, privateKey } = await generateKeyPair('EdDSA');
const keySet = { keys: [{ ...(await exportJWK(publicKey)), ...header, use: 'sig' }] };

/** Put your own login here. This one gives each browser a user of its own. */
function userOf(request, response) {
  const [, user] = /(?:^|; )user=([0-9a-f-]{36})(?:;|$)/.exec(request.headers.cookie ?? '') ?? [];
  if (user !== undefined) return user;
  const created = randomUUID();
  response.setHeader('Set-Cookie', `user=${created}; HttpOnly; SameSite=Strict; Path=/`);
  return created;
}

function tokenOf(user) {
  const token = new SignJWT({ iss: origin, aud: 'firstcome', sub: user });
  return token.setProtectedHeader(header).setExpirationTime('5m').sign(privateKey);
}

const clientUrl = import.meta.resolve('firstcome/client');

/** The content of a path, with its media type; undefined if there is none. */
async function contentOf(path, request, response) {
  switch (path) {
    case '/':
      userOf(request, response);
      return ['text/html; charset=utf-8', await readFile(new URL('index.html', import.meta.url))];
    case '/page.js':
      return ['text/javascript', await readFile(new URL('page.js', import.meta.url))];
    case '/settings.json':
      return ['application/json', JSON.stringify({ service, coupon })];
    case '/jwks.json':
      return ['application/json', JSON.stringify(keySet)];
    case '/token':
      // Other pages could send a GET, such as the address of an image.
      if (request.method !== 'POST') return undefined;
      return ['text/plain', await tokenOf(userOf(request, response))];
    default:
  }
  // The client is a file, and a folder with the modules that it imports.
  if (!/^\/client(?:\/[a-z-]+)?\.js$/.test(path)) return undefined;
  return ['text/javascript', await readFile(new URL(`.${path}`, clientUrl))];
}

const server = createServer(async (request, response) => {
  response.setHeader('Content-Security-Policy', policy);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', 'no-store');
  try {
    const { pathname } = new URL(request.url ?? '/', origin);
    const content = await contentOf(pathname, request, response);
    if (content === undefined) return response.writeHead(404).end();
    response.setHeader('Content-Type', content[0]).end(content[1]);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    response.writeHead(500).end();
  }
});

server.listen(port, '127.0.0.1', () => process.stdout.write(`the page is on ${origin}\n`));
process.once('SIGTERM', () => server.close());
