// SPDX-License-Identifier: GPL-3.0-or-later
/** A database with claims that begin sagas, and a participant. Services on it are the tests' own. */
import { expect } from 'vitest';
import { type Client, clientOf } from './contract-client.ts';
import {
  type Conducted,
  type Participant,
  type ParticipantCall,
  participantSecret,
  startParticipant,
  writeSagasFile,
} from './participants.ts';
import { patience } from './service.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { waitFor } from './wait-for.ts';

/** The row of a saga, and of its steps. */
export type StoredSaga = { state: string; cause: string | null; steps: string };

/** What a test of sagas works with. */
export class SagaShop {
  /** What the participant does with each call; a test may replace it. */
  conduct: (call: ParticipantCall) => Conducted | Promise<Conducted> = () => 'does';
  database!: TestDatabase;
  participant!: Participant;
  /** The settings of a service with the saga `checkout`. */
  env!: Record<string, string>;
  private readonly undo: (() => Promise<void>)[] = [];
  private coupons = 0;

  /** Opens it, with members of its steps. `close` undoes what has been opened, also after a failure. */
  async open(options: Parameters<typeof writeSagasFile>[1] = {}): Promise<void> {
    this.database = await createTestDatabase();
    this.undo.push(() => this.database.drop());
    this.participant = await startParticipant((call) => this.conduct(call));
    this.undo.push(() => this.participant.stop());
    const file = await writeSagasFile(this.participant, options);
    this.undo.push(file.remove);
    const settings = { DATABASE_URL: this.database.url, SAGAS_FILE: file.path };
    this.env = { ...patience, ...participantSecret, ...settings };
  }

  async close(): Promise<void> {
    for (const step of this.undo.splice(0).reverse()) await step();
  }

  /** A new coupon of one unit, claimed by `ada`. */
  async claim(url: string): Promise<{ coupon: string; sagaId: string }> {
    const client = clientOf(url);
    this.coupons += 1;
    const coupon = `coupon ${this.coupons}`;
    const body = { name: coupon, amount: 1, hold_seconds: 600, saga: 'checkout' };
    const made = await client.post('/api/coupons', body);
    expect(made.status, made.text).toBe(201);
    const { json } = await claimWith(client, coupon, 'ada');
    expect(json).toMatchObject({ state: 'reserved', saga_state: 'running' });
    client.close();
    return { coupon, sagaId: json.saga_id };
  }

  /** What is stored of a saga; its steps in one line. */
  async stored(sagaId: string): Promise<StoredSaga> {
    const [row] = await this.database.query<StoredSaga>(
      `select s.state, s.cause,
         coalesce((select string_agg(step || x.state::text || x.attempts, ' ' order by step)
           from saga_steps x where x.saga_id = s.saga_id), '') as steps
       from sagas s where s.saga_id = $1`,
      [sagaId],
    );
    return row ?? { state: '', cause: null, steps: '' };
  }

  /** Waits until a saga has this state. */
  async until(sagaId: string, state: 'A' | 'D' | 'X'): Promise<StoredSaga> {
    return await waitFor(`saga in state ${state}`, async () => {
      const stored = await this.stored(sagaId);
      return stored.state === state ? stored : undefined;
    });
  }

  /** The names of the calls of a saga in order. */
  callsOf(sagaId: string): string[] {
    const calls = this.participant.calls.filter(({ body }) => body.saga_id === sagaId);
    return calls.map(({ name }) => name);
  }

  /** Checks that nothing is left of a saga: its steps are undone, and another user gets the unit. */
  async mustBeFree(url: string, { coupon, sagaId }: { coupon: string; sagaId: string }) {
    expect(Object.values(this.participant.effects(sagaId))).not.toContain('done');
    const client = clientOf(url);
    const { status, json } = await claimWith(client, coupon, 'bob');
    client.close();
    expect(status, JSON.stringify(json)).toBe(200);
  }
}

/** Claims with a key, so that the same call shows the claim later. */
export function claimWith(client: Client, coupon: string, user: string) {
  return client.claim(user, coupon, `${coupon} ${user}`);
}
