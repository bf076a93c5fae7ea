// SPDX-License-Identifier: GPL-3.0-or-later
import { CopyButton } from '../../ui/copy-button.tsx';
import { Dialog } from '../../ui/dialog.tsx';

/** Shows a secret, once. Only its button closes it, so that it is not lost by a slip. */
export function SecretDialog({
  title,
  secret,
  children,
  onClose,
}: {
  title: string;
  /** Undefined: it was in an answer that was lost. */
  secret: string | undefined;
  children: string;
  onClose: () => void;
}) {
  return (
    <Dialog title={title} isLocked onClose={onClose}>
      <div class="stack">
        {secret === undefined ? (
          <p class="note">
            Its secret was in the answer that was lost. Rotate the secret to get a new one.
          </p>
        ) : (
          <>
            <p>{children}</p>
            <p>
              <strong>It is shown only now.</strong>
            </p>
            <code class="secret">{secret}</code>
            <CopyButton text={secret} label="Copy the secret" />
          </>
        )}
        <div>
          <button type="button" class="primary" onClick={onClose}>
            {secret === undefined ? 'Close' : 'I have stored the secret'}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
