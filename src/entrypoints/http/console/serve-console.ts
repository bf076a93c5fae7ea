// SPDX-License-Identifier: GPL-3.0-or-later
import accepts from 'accepts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpApp } from '../http-app.ts';
import { sendProblem } from '../problems/problem.ts';
import { type ConsoleFile, type ConsoleFiles, encodings } from './console-files.ts';

// The page loads from this service only, and no script or style stands in the page itself.
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const headers = {
  'Content-Security-Policy': contentSecurityPolicy,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
};

const revalidated = 'no-cache';
// The name of such a file has the hash of its content.
const immutable = 'public, max-age=31536000, immutable';

const assetsFolder = 'assets/';

/**
 * Serves the console: its page at `/console` and at every path below that is no file, since the page itself reads the path.
 * Anybody may load it: the page has no data. Where it was not built, the answer says how to build it.
 */
export function serveConsole(app: HttpApp, files: ConsoleFiles | undefined): void {
  const schema = { hide: true };
  const sendPage = async (request: FastifyRequest, reply: FastifyReply) => {
    if (files === undefined) return sendMissing(reply);
    return sendFile(request, reply, { file: files.page, cacheControl: revalidated });
  };
  app.get('/console', { schema }, sendPage);
  app.get('/console/', { schema }, sendPage);
  app.get<{ Params: { '*': string } }>('/console/*', { schema }, async (request, reply) => {
    const path = request.params['*'];
    const file = files?.others.get(path);
    const isAsset = path.startsWith(assetsFolder);
    if (file === undefined) return isAsset ? reply.callNotFound() : sendPage(request, reply);
    return sendFile(request, reply, { file, cacheControl: isAsset ? immutable : revalidated });
  });
}

async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { file, cacheControl }: { file: ConsoleFile; cacheControl: string },
): Promise<FastifyReply> {
  const { etag, type, content } = file;
  reply.headers({ ...headers, 'Cache-Control': cacheControl, ETag: etag });
  // Another part of the response may depend on the origin.
  const vary = reply.getHeader('Vary');
  reply.header('Vary', vary === undefined ? 'Accept-Encoding' : `${vary}, Accept-Encoding`);
  if (hasVersion(request.headers['if-none-match'], etag)) return reply.code(304).send();
  reply.header('Content-Type', type);
  const encoding = encodings.find((one) => accepts(request.raw).encoding(one) === one);
  if (encoding === undefined) return reply.send(content);
  return reply.header('Content-Encoding', encoding).send(await file.encoded(encoding));
}

/** Whether the client has this version, by the weak comparison of RFC 9110. */
function hasVersion(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch
    .split(',')
    .map((one) => one.trim())
    .some((one) => one === '*' || one === etag || `W/${one}` === etag);
}

function sendMissing(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, {
    code: 'route_not_found',
    detail: 'the console is not built; run npm run build, and start the service again',
  });
}
