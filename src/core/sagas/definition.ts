// SPDX-License-Identifier: GPL-3.0-or-later

/** One step of a saga: the call that does it, and the call that undoes it. Both are `POST` requests to a participant. */
export type SagaStep = {
  name: string;
  /** What the step is for, which names its calls: `payment`, `loyalty` or `http`. */
  kind: 'payment' | 'loyalty' | 'http';
  /** The name of the service that is called. Its address and its secret belong to the configuration, not to the version. */
  participant: string;
  /** The path of the call that does it, below the address of the participant. */
  runPath: string;
  /** The path of the call that undoes it; null: it cannot be undone, and is the last step. */
  undoPath: string | null;
  /** What the participant gets besides the claim. */
  data: Readonly<Record<string, unknown>>;
  timeoutMs: number;
  /** How often the step is called before its outcome counts as unknown. */
  attemptsMax: number;
  /** How often the undo is called before the saga needs attention. */
  undoAttemptsMax: number;
  /** The wait before the second call, which doubles with each further one. */
  backoffMs: number;
};

/** The steps that sagas of a name have. A running saga keeps the version that it began with. */
export type SagaDefinition = {
  name: string;
  /** 16 hexadecimal digits of the SHA-256 of the steps. */
  version: string;
  steps: readonly SagaStep[];
};

/** A service that takes part in sagas. */
export type Participant = {
  name: string;
  /** `http` or `https`; without a slash at the end. */
  url: string;
  /** Signs each call as Standard Webhooks 1.0 defines it. */
  secret: { reveal(): string };
};
