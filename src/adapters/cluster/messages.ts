// SPDX-License-Identifier: GPL-3.0-or-later

/** Metrics in the text format of a scrape. */
export type MetricsText = { contentType: string; text: string };

/** The current API keys by name. A key that is not set is missing, since messages are JSON. */
export type KeysMessage = Readonly<Record<string, string | undefined>>;

/** A message from a worker to the primary. */
export type FromWorker =
  | { type: 'firstcome:ready'; url: string }
  | { type: 'firstcome:keys-request' }
  | { type: 'firstcome:keys-received'; id: number }
  | { type: 'firstcome:metrics-request'; id: number }
  | { type: 'firstcome:snapshot'; id: number; snapshot: unknown };

/** A message from the primary to a worker. */
export type FromPrimary =
  | { type: 'firstcome:metrics'; id: number; metrics: MetricsText | null }
  | { type: 'firstcome:snapshot-request'; id: number }
  | { type: 'firstcome:keys'; id: number; keys: KeysMessage };

/** Whether a message on the channel, which Node uses too, has this type. */
export function isMessage<Message extends { type: string }, Type extends Message['type']>(
  message: unknown,
  type: Type,
): message is Extract<Message, { type: Type }> {
  return (
    typeof message === 'object' && message !== null && 'type' in message && message.type === type
  );
}
