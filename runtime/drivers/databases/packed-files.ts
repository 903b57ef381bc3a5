import { pipeline, PassThrough, type Transform } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';

export function packed(source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return through(source, createGzip({ level: 4 }));
}

export function unpacked(source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return through(source, createGunzip());
}

/** Whoever reads it is told when its source breaks. */
function through(source: AsyncIterable<Buffer>, transform: Transform): AsyncIterable<Buffer> {
  const out = new PassThrough();
  pipeline(source, transform, out, (err) => void (err && out.destroy(err)));
  return out;
}
