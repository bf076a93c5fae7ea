// SPDX-License-Identifier: GPL-3.0-or-later
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { claimStates, type ReceivedRecord } from '../../history.ts';

const bodyBytesMax = 1024 * 1024;

/** Receives the events of a webhook, verifies their signatures, and records them in order of arrival. */
export class EventReceiver {
  /** The secret of the webhook, once it is known. Until then the service is to send again. */
  secret: string | undefined;
  readonly #path: string;
  readonly #see: (record: ReceivedRecord) => void;
  readonly #server: Server;
  /** The changes of claims that have arrived, such as `claim.released` and the claim id. */
  readonly #changes = new Set<string>();

  /** Receives at this path alone. */
  constructor(path: string, see: (record: ReceivedRecord) => void) {
    this.#path = path;
    this.#see = see;
    this.#server = createServer((request, response) => {
      this.#receive(request).then(
        (status) => response.writeHead(status).end(),
        () => response.destroy(),
      );
    });
  }

  /** Rejects when something else listens there. */
  async listen(address: string): Promise<void> {
    const { hostname, port } = new URL(address);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(Number(port || 80), hostname, resolve);
    });
  }

  /** Whether the event of a claim in this state has arrived. */
  has(claimId: string, state: string): boolean {
    return this.#changes.has(`claim.${state} ${claimId}`);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #receive(request: IncomingMessage): Promise<number> {
    const text = await textOf(request);
    // The webhook of an earlier drill that could not delete it: this answer ends it.
    if (request.url !== this.#path) return 410;
    if (this.secret === undefined) return 503;
    const record = toRecord(text, isSigned(request, text, this.secret));
    if (record === undefined) return 400;
    this.#see(record);
    if (record.claim_id !== undefined) this.#changes.add(`${record.event} ${record.claim_id}`);
    return 204;
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new Error('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Whether the request is signed as Standard Webhooks 1.0 defines it. */
function isSigned({ headers }: IncomingMessage, body: string, secret: string): boolean {
  const [id, sentAt] = [headers['webhook-id'], headers['webhook-timestamp']];
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const right = createHmac('sha256', key).update(`${id}.${sentAt}.${body}`).digest('base64');
  const signatures = String(headers['webhook-signature']).split(' ');
  return signatures.includes(`v1,${right}`);
}

/** Undefined for anything but an event. */
function toRecord(text: string, signed: boolean): ReceivedRecord | undefined {
  const { id, type, timestamp, data } = JSON.parse(text) as Record<string, unknown>;
  const isEvent = [id, type, timestamp].every((one) => typeof one === 'string');
  if (!isEvent || typeof data !== 'object' || data === null) return undefined;
  const {
    coupon_name: coupon,
    claim_id: claimId,
    user_id: user,
    position,
    state,
  } = data as Record<string, unknown>;
  const claimState = claimStates.find((one) => one === state);
  return {
    ...{ type: 'received', id: String(id), event: String(type), at: String(timestamp) },
    ...{ coupon: String(coupon), signed },
    ...(typeof claimId === 'string' && {
      ...{ claim_id: claimId, user: String(user), position: Number(position) },
      ...(claimState !== undefined && { state: claimState }),
    }),
  };
}
