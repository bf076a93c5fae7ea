// SPDX-License-Identifier: GPL-3.0-or-later
/** The sessions of the console: each stands for the key that it was opened with. */
import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import type { SessionStore, StoredSession } from '../../../core/console/ports.ts';
import { OldestOut } from '../../../core/oldest-out.ts';
import { SharedRead } from '../../../core/shared-read.ts';
import type { ApiKeys, KeyCaller } from '../api-keys.ts';

/** A session that has not ended, and whose key it stands for now. */
export type Session = Pick<StoredSession, 'endsAt' | 'idleEndsAt'> & { caller: SessionCaller };

/** The callers whose keys may open a session. */
export type SessionCaller = Extract<KeyCaller, 'admin' | 'admin-next' | 'viewer'>;

/** What sessions work with. */
export type ConsoleSessionsOptions = {
  store: SessionStore;
  clock: Pick<Clock, 'nowMs'>;
  /** The current keys: another object after each change. */
  keys(): ApiKeys;
};

// How long a node goes on with a session that another one has ended.
const knownMs = 30_000;
const knownMax = 1_000;
const readersMax = 1_000;
const idsAtOnce = 100;
const idBytes = 32;
const idForm = /^[\w-]{43}$/;

const keysOfSessions: readonly [name: keyof ApiKeys, caller: SessionCaller][] = [
  ['adminApiKey', 'admin'],
  ['adminApiKeyNext', 'admin-next'],
  ['viewerApiKey', 'viewer'],
];

type Known = { stored: StoredSession; untilMs: number; keys: ApiKeys; session: Session };

/**
 * Opens, finds and ends sessions. A found one is known for 30 seconds, so that its requests need no read of the database.
 * Reads of others are shared, one at a time, so that made-up ids cost little.
 */
export class ConsoleSessions {
  private readonly options: ConsoleSessionsOptions;
  private readonly known = new OldestOut<Known>(knownMax);
  private readonly reads: SharedRead<StoredSession>;

  constructor(options: ConsoleSessionsOptions) {
    this.options = options;
    this.reads = new SharedRead({
      load: async (hashes) =>
        new Map((await options.store.find(hashes, true)).map((stored) => [stored.hash, stored])),
      keysMax: idsAtOnce,
      readersMax,
    });
  }

  /** Opens a session for this key, and returns its id: a secret that only the browser keeps. */
  async open(key: string): Promise<string> {
    const id = randomBytes(idBytes).toString('base64url');
    const fingerprint = fingerprintOf(id, key).toString('hex');
    await this.options.store.create({ hash: hashOf(id), fingerprint });
    return id;
  }

  /** The session with this id, if this node knows it and its key is still one. */
  remembered(id: string): Session | undefined {
    const known = this.known.get(id);
    if (known === undefined || known.untilMs <= this.options.clock.nowMs()) return undefined;
    if (known.keys === this.options.keys()) return known.session;
    return this.remember(id, known.stored, known.untilMs);
  }

  /** The session with this id; undefined where it has ended. Using it keeps it from ending for an hour. */
  async find(id: string): Promise<Session | undefined> {
    if (!idForm.test(id)) return undefined;
    const remembered = this.remembered(id);
    if (remembered !== undefined) return remembered;
    return await this.sessionOf(id, await this.reads.read(hashOf(id)));
  }

  /** Whose key the session stands for, by the database; undefined where it has ended. This is no use of it. */
  async check(id: string): Promise<SessionCaller | undefined> {
    if (!idForm.test(id)) return undefined;
    const [stored] = await this.options.store.find([hashOf(id)], false);
    if (stored === undefined) this.known.delete(id);
    return stored && this.callerOf(id, stored);
  }

  /** Ends the session here at once, and on every node within half a minute. */
  async end(id: string): Promise<void> {
    if (!idForm.test(id)) return;
    this.known.delete(id);
    await this.options.store.end(hashOf(id));
  }

  private async sessionOf(
    id: string,
    stored: StoredSession | undefined,
  ): Promise<Session | undefined> {
    if (stored === undefined) return undefined;
    const untilMs = this.options.clock.nowMs() + knownMs;
    const session = this.remember(id, stored, untilMs);
    // Its key was removed or replaced. A key that comes back does not bring back its sessions.
    if (session === undefined) await this.end(id);
    return session;
  }

  private remember(id: string, stored: StoredSession, untilMs: number): Session | undefined {
    const caller = this.callerOf(id, stored);
    if (caller === undefined) {
      this.known.delete(id);
      return undefined;
    }
    const { endsAt, idleEndsAt } = stored;
    const session = { caller, endsAt, idleEndsAt };
    this.known.set(id, { stored, untilMs, keys: this.options.keys(), session });
    return session;
  }

  /** Whose key the session stands for now. One that moves from next to first keeps its sessions. */
  private callerOf(id: string, { fingerprint }: StoredSession): SessionCaller | undefined {
    const keys = this.options.keys();
    const stored = Buffer.from(fingerprint, 'hex');
    for (const [name, caller] of keysOfSessions) {
      const key = keys[name];
      if (key !== undefined && timingSafeEqual(fingerprintOf(id, key), stored)) return caller;
    }
    return undefined;
  }
}

function hashOf(id: string): string {
  return hash('sha256', id, 'hex');
}

/** With the id as its secret, so that what is stored cannot be used to guess a key. */
function fingerprintOf(id: string, key: string): Buffer {
  return createHmac('sha256', id).update(key).digest();
}
