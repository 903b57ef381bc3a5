import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { saslprep } from '@mongodb-js/saslprep';

const derive = promisify(pbkdf2);
const iterations = 4096;

/**
 * What the server keeps of a password and knows it by, as RFC 5802 §3 makes it and PostgreSQL writes it: the password itself is never sent. Another one each
 * time, since its salt is.
 */
export async function scramVerifier(password: string): Promise<string> {
  const salt = randomBytes(16);
  const salted = await derive(prepared(password), salt, iterations, 32, 'sha256');
  const hmac = (word: string): Buffer => createHmac('sha256', salted).update(word).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${String(iterations)}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
}

/** How a verifier is known without having it. */
export function digestOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('hex');
}

/** As clients do it: what RFC 4013 has no form for is taken as it is. */
function prepared(password: string): string {
  try {
    return saslprep(password);
  } catch {
    return password;
  }
}
