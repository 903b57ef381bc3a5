import { answerForKeys, keySocket } from '#runtime/drivers/nginx/key-channel.ts';
import { readText } from '#runtime/host/local/read-files.ts';
import { listenUnix } from '#runtime/host/local/sockets.ts';
import { terminated } from './terminated.ts';

// The front's key channel: `keys ROOT GROUP`. Holds nothing, reads on demand, and loads next to nothing.
const [root = '', group = ''] = process.argv.slice(2);
await listenUnix(
  { roots: [root], path: keySocket(root), ownership: { mode: 0o660, uid: 0, gid: Number(group) } },
  async (line) => answerForKeys(root, line, (path) => readText([root], path)),
  terminated(),
);
