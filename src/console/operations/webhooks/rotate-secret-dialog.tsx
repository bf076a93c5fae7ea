// SPDX-License-Identifier: GPL-3.0-or-later

import type { WebhookWithSecret } from '../../../client.ts';
import { useWrite } from '../../actions/use-write.ts';
import { WriteDialog } from '../../actions/write-dialog.tsx';
import { service } from '../../service.ts';
import { SecretDialog } from './secret-dialog.tsx';

/** Gives a webhook a new secret, and shows it once. */
export function RotateSecretDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const write = useWrite<WebhookWithSecret>();
  const { state } = write;
  if (state.step === 'done') {
    return (
      <SecretDialog title="The new secret" secret={state.value.secret} onClose={onClose}>
        Give it to the receiver. Until the next rotation each request is signed with the secret
        before, too.
      </SecretDialog>
    );
  }
  return (
    <WriteDialog
      title="Rotate the secret"
      submitLabel="Rotate the secret"
      doubt="The secret may be rotated or not. To ask rotates it once more, and shows the newest secret: the receiver needs it soon."
      onSubmit={() => write.start({ send: () => service.rotateWebhookSecret({ id }) })}
      {...{ write, onClose }}
    >
      <p>
        From then on each request has two signatures, by the new secret and by the one before. The
        one before that ends now. After a leak rotate twice.
      </p>
    </WriteDialog>
  );
}
