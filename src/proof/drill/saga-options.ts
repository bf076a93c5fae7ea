// SPDX-License-Identifier: GPL-3.0-or-later
import { isOrigin, urlMistake } from './origin-url.ts';

/** The options of the scenario `sagas` alone. */
export type SagaOptions = {
  /** The saga of the coupon, as `SAGAS_FILE` of the service names it. */
  saga?: string | undefined;
  /** The participants that take the money and grant the points, such as `http://127.0.0.1:9101`. */
  paymentBook?: string | undefined;
  loyaltyBook?: string | undefined;
  /** Where the drill receives events. The service must be allowed to send them there. */
  receiver?: string | undefined;
};

/** The same with defaults. */
export type SagaSettings = {
  saga: string;
  books: { kind: 'payment' | 'loyalty'; url: string }[];
  receiver: string;
};

const receiverDefault = 'http://127.0.0.1:9109';

/** Fills in the defaults of options without mistakes. */
export function sagaSettings(options: SagaOptions): SagaSettings {
  const { saga = '', paymentBook, loyaltyBook, receiver = receiverDefault } = options;
  return {
    saga,
    books: [
      ...(paymentBook === undefined
        ? []
        : [{ kind: 'payment', url: new URL(paymentBook).origin } as const]),
      ...(loyaltyBook === undefined
        ? []
        : [{ kind: 'loyalty', url: new URL(loyaltyBook).origin } as const]),
    ],
    receiver: new URL(receiver).origin,
  };
}

/** What is wrong with these options, and what the scenario needs where it is played. */
export function sagaMistakes(options: SagaOptions, isPlayed: boolean): string[] {
  const { saga, paymentBook, loyaltyBook, receiver } = options;
  const given = [saga, paymentBook, loyaltyBook, receiver].some((option) => option !== undefined);
  if (!isPlayed) {
    return given ? ['only sagas has saga, payment-book, loyalty-book and receiver'] : [];
  }
  const mistakes: string[] = [];
  if (saga === undefined || saga === '') {
    mistakes.push('sagas needs --saga: the name of a saga in SAGAS_FILE of the service');
  }
  if (paymentBook === undefined && loyaltyBook === undefined) {
    mistakes.push(
      'sagas needs --payment-book or --loyalty-book: the URLs of the participants of the saga, ' +
        'whose GET /book the audit compares with the claims',
    );
  }
  const urls = [paymentBook, loyaltyBook, receiver].filter((url) => url !== undefined);
  mistakes.push(...urls.filter((url) => !isOrigin(url)).map(urlMistake));
  return mistakes;
}
