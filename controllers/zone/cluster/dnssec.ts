import { createHash } from 'node:crypto';

/** RFC 4034 appendix B, of a key as in a DNSKEY record: `257 3 13 …`. */
export function keyTagOf(dnskey: string): number {
  let sum = 0;
  for (const [index, byte] of wireOf(dnskey).entries()) sum += index % 2 === 0 ? byte << 8 : byte;
  return (sum + (sum >> 16)) & 0xffff;
}

/** What the parent has to have, by SHA-256: `12345 13 2 …` (RFC 4034 §5.1.4). */
export function dsOf(zone: string, dnskey: string): string {
  const labels = zone.split('.').filter((label) => label !== '');
  const owner = Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.of(0),
  ]);
  const digest = createHash('sha256').update(owner).update(wireOf(dnskey)).digest('hex');
  return `${keyTagOf(dnskey)} ${dnskey.split(' ')[2] ?? ''} 2 ${digest}`;
}

function wireOf(dnskey: string): Buffer {
  const [flags = '', protocol = '', algorithm = '', key = ''] = dnskey.split(' ');
  const head = Buffer.alloc(4);
  head.writeUInt16BE(Number(flags), 0);
  head.writeUInt8(Number(protocol), 2);
  head.writeUInt8(Number(algorithm), 3);
  return Buffer.concat([head, Buffer.from(key, 'base64')]);
}
