// SPDX-License-Identifier: GPL-3.0-or-later

/** A session of the console as it is stored. Hashes and fingerprints are in hexadecimal; times are RFC 3339, UTC. */
export type StoredSession = {
  hash: string;
  /** Of the key that it was opened with. */
  fingerprint: string;
  /** When it ends in any case, and when it ends if it is not used before. */
  endsAt: string;
  idleEndsAt: string;
};

/** Where sessions are stored, for all nodes. Rejects with `unavailable` when they cannot be read or written. */
export type SessionStore = {
  create(session: Pick<StoredSession, 'hash' | 'fingerprint'>): Promise<void>;
  /** Those of the sessions that have not ended. `isUse`: they are used now. */
  find(hashes: readonly string[], isUse: boolean): Promise<StoredSession[]>;
  end(hash: string): Promise<void>;
};

/** A session ends when it is not used for an hour, and after 12 hours. */
export const sessionSeconds = { idle: 3_600, max: 12 * 3_600 };
