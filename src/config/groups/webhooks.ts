// SPDX-License-Identifier: GPL-3.0-or-later
import { flag, list, wholeNumber } from '../kinds.ts';
import type { SettingGroup } from '../setting-tree.ts';

const isReceiver = (value: string) => /^(\*|\[[\da-f:.]+\]|[^\s/:*@]+):\d{1,5}$/i.test(value);

/** The settings of webhooks. */
export const webhooksGroup = {
  heading: 'Webhooks',
  introduction:
    'Where events may be sent: to public addresses on port 443, unless these settings allow more. See [webhooks.md](webhooks.md).',
  settings: {
    webhooks: {
      allowHttp: flag({
        variable: 'WEBHOOK_ALLOW_HTTP',
        default: false,
        help: 'Accepts receivers with http:// too, on port 80. Events then travel unencrypted.',
      }),
      allowedReceivers: list({
        variable: 'WEBHOOK_ALLOWED_RECEIVERS',
        isValid: isReceiver,
        convert: (receiver) => receiver.toLowerCase(),
        allowed: 'host:port, such as hooks.internal:8443 or 127.0.0.1:9000, or *:port',
        help:
          'Receivers, separated by commas, that are accepted whatever their port and address, each as host:port with the host ' +
          'as it stands in the URL. With *:port the port is accepted for all public addresses.',
      }),
      connections: wholeNumber({
        variable: 'DATABASE_JOB_CONNECTIONS',
        default: 4,
        min: 3,
        max: 100,
        help: 'Connections that deliver events and run sagas. They are opened once there is a webhook, and with SAGAS_FILE.',
      }),
    },
  },
} satisfies SettingGroup;
