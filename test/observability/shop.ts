// SPDX-License-Identifier: GPL-3.0-or-later
/** A shop that takes part in sagas, receives events and signs user tokens, with answers that a scenario chooses. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Receiver, startReceiver } from '../support/receivers.ts';
import { audience, issuer, newSigningKey, toKeySet } from '../support/user-tokens.ts';

/** The statuses of its answers, by the beginning of the path. */
export type Answers = {
  '/event': number;
  '/keys': number;
  '/run/first': number;
  '/run/last': number;
  '/undo': number;
};

const usual: Answers = {
  '/event': 204,
  '/keys': 200,
  '/run/first': 204,
  '/run/last': 204,
  '/undo': 204,
};

const keySet = toKeySet([newSigningKey('EdDSA', 'shop')]);

/** The key of the shop for its claims. */
export const claimKey = 'k'.repeat(32);

/** A shop that runs. */
export class Shop {
  answers: Answers = { ...usual };
  private readonly receiver: Receiver;
  private readonly folder: string;

  private constructor(receiver: Receiver, folder: string) {
    this.receiver = receiver;
    this.folder = folder;
  }

  /** Starts it, and writes its sagas into the folder: `brief` gives up after one undo, and `patient` after very many. */
  static async start(folder: string): Promise<Shop> {
    const receiver = await startReceiver((response, { path }) => {
      const [, status = 404] =
        Object.entries(shop.answers).find(([of]) => path.startsWith(of)) ?? [];
      response.writeHead(status).end(status === 200 ? keySet : undefined);
    });
    const shop = new Shop(receiver, folder);
    const stepsWith = (undoAttempts: number) => ({
      steps: ['first', 'last'].map((name) => ({
        ...{ name, kind: 'http', participant: 'shop', run: `/run/${name}`, undo: '/undo' },
        ...{ attempts: 1, undo_attempts: undoAttempts, backoff_ms: 1_000 },
      })),
    });
    const participants = { shop: { url: shop.url, secret_env: 'SHOP_SECRET' } };
    const sagas = { brief: stepsWith(1), patient: stepsWith(1_000) };
    await writeFile(shop.file, JSON.stringify({ participants, sagas }));
    return shop;
  }

  /** The settings of a service that may call it. */
  get env(): Record<string, string> {
    return {
      ...{ SAGAS_FILE: this.file, SHOP_SECRET: 's'.repeat(32) },
      ...{ WEBHOOK_ALLOW_HTTP: 'true' },
      WEBHOOK_ALLOWED_RECEIVERS: new URL(this.url).host,
      ...{ CLAIM_API_KEY: claimKey, USER_TOKEN_JWKS: `${this.url}/keys` },
      ...{ USER_TOKEN_ISSUER: issuer, USER_TOKEN_AUDIENCE: audience },
    };
  }

  get url(): string {
    return `http://127.0.0.1:${this.receiver.port}`;
  }

  /** Answers as at the start again. */
  recover(): void {
    this.answers = { ...usual };
  }

  stop(): Promise<void> {
    return this.receiver.close();
  }

  private get file(): string {
    return join(this.folder, 'sagas.json');
  }
}
