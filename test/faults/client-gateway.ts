// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Gateways that claim through the client of the package: the drill sends its requests to them, and records what the client
 * returned. Each node has one. Other requests, and claims without a key, go on to the node as they are.
 */
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { FirstcomeClient } from '../../src/client.ts';
import { ClaimAttempts } from './claim-attempts.ts';

/** How a gateway claims: a request for each claim, or many claims in one call. */
export const clientWays = ['single', 'coalescing'] as const;

/** One of `clientWays`. */
export type ClientWay = (typeof clientWays)[number];

// Ends before the clients of the drill give up, so that they see what the client made of it.
const timeoutMs = 3000;
// A gateway that closes a connection while the drill sends on it again breaks that request, and no fault excuses it.
const keepAliveTimeout = 600_000;

/** The gateways of one run. */
export class ClientGateways {
  readonly urls: string[] = [];
  private readonly servers: Server[] = [];
  private readonly attempts = new ClaimAttempts();

  /** Starts one for each node. */
  static async before(nodeUrls: readonly string[], way: ClientWay): Promise<ClientGateways> {
    const gateways = new ClientGateways();
    for (const url of nodeUrls) await gateways.add(url, way);
    return gateways;
  }

  async stop(): Promise<void> {
    for (const server of this.servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  private async add(nodeUrl: string, way: ClientWay): Promise<void> {
    const { attempts } = this;
    const client = new FirstcomeClient({
      ...{ url: nodeUrl, coalesce: way === 'coalescing', timeoutMs, fetch: attempts.fetch },
    });
    const server = createServer({ keepAliveTimeout }, async (incoming, outgoing) => {
      try {
        const body = await textOf(incoming);
        const { 'idempotency-key': key } = incoming.headers;
        if (incoming.url === '/api/coupons/claim' && typeof key === 'string') {
          await claim(client, attempts, { body, key }, outgoing);
        } else pass(nodeUrl, incoming, body, outgoing);
      } catch (error) {
        // A bug of the client: the drill sees a broken connection, which no fault excuses for long.
        process.stderr.write(`${String(error)}\n`);
        outgoing.destroy();
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.servers.push(server);
    this.urls.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of incoming.setEncoding('utf8')) text += piece;
  return text;
}

/** Answers with the result of the client. */
async function claim(
  client: FirstcomeClient,
  attempts: ClaimAttempts,
  { body, key }: { body: string; key: string },
  outgoing: ServerResponse,
): Promise<void> {
  const begunAt = new Date();
  const result = await client.claim(JSON.parse(body), { idempotencyKey: key });
  // No answer: all that its caller knows is that the claim may be stored.
  if (result.outcome === 'unknown') return;
  if (result.outcome === 'claimed') {
    const isReplay = attempts.isReplay(key, result, begunAt);
    const headers = isReplay ? { 'idempotency-replayed': 'true' } : {};
    return answer(outgoing, 200, result.claim, headers);
  }
  if (result.outcome === 'accepted') return answer(outgoing, 202, result.ticket);
  const { status, problem } = result;
  answer(outgoing, status, problem, status === 429 || status === 503 ? { 'retry-after': '1' } : {});
}

function answer(
  outgoing: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  const own = { 'content-type': 'application/json', 'content-length': length };
  outgoing.writeHead(status, { ...own, ...headers });
  outgoing.end(text);
}

/** Passes a request on to the node. Where the node gives no answer, neither does the gateway. */
function pass(
  nodeUrl: string,
  { method, url = '', headers }: IncomingMessage,
  body: string,
  outgoing: ServerResponse,
): void {
  const { host: _, connection: __, ...others } = headers;
  const onward = request(nodeUrl + url, { method, headers: others, agent: false }, (response) => {
    const { connection: _, 'keep-alive': __, ...passed } = response.headers;
    outgoing.writeHead(response.statusCode ?? 502, passed);
    response.pipe(outgoing);
    response.on('error', () => outgoing.destroy());
  });
  onward.on('error', () => outgoing.destroy());
  outgoing.on('close', () => onward.destroy());
  onward.end(body);
}
