import { constants, type Http2Session, type Http2Stream, type Settings } from 'node:http2';
import { Duplex } from 'node:stream';

/** Of both ends of a tunnel: what may be on its way in one stream, and how many of them there are. */
export const tunnelSettings: Settings = {
  initialWindowSize: 256 * 1024,
  maxConcurrentStreams: 1_000,
  enablePush: false,
};

const pingEveryMs = 15_000;
const silenceMs = 2 * pingEveryMs;

/** Ends a session whose other end does not answer any longer, be it by a lost route or a machine that is gone. */
export function keepAlive(session: Http2Session): void {
  let heardAt = performance.now();
  const timer = setInterval(() => {
    // Its `close` is still to come.
    if (session.destroyed) return;
    if (performance.now() - heardAt > silenceMs) session.destroy(new Error('the other end is silent'));
    else session.ping(() => (heardAt = performance.now()));
  }, pingEveryMs);
  session.on('close', () => clearInterval(timer));
}

/**
 * A stream of a tunnel as a connection on which HTTP/1.1 is spoken. Node's HTTP writes its heads as strings, which a stream of HTTP/2 sends from memory that is
 * freed already (seen with Node 20 and 24: the first bytes of a head are others); here they become buffers first.
 */
export function connectionOver(stream: Http2Stream): Duplex {
  const connection: Duplex = new Duplex({
    write: (chunk: Buffer, _encoding, done) => void stream.write(chunk, done),
    final: (done) => void stream.end(done),
    read: () => void stream.resume(),
    destroy: (err, done) => {
      // Without a code the other end would first want to send what nobody takes any longer.
      if (!connection.writableFinished || !connection.readableEnded) stream.close(constants.NGHTTP2_CANCEL);
      stream.destroy();
      done(err);
    },
  });
  stream.on('data', (chunk: Buffer) => {
    if (!connection.push(chunk)) stream.pause();
  });
  stream.on('end', () => connection.push(null));
  stream.on('error', (err) => connection.destroy(err));
  stream.on('close', () => connection.destroy());
  return connection;
}
