import { mountInstance } from '#runtime/cmd/instance/namespace.ts';

/** The first program of a host in namespaces of its own: shows its directory where hosts have theirs, and becomes the agent. Arguments: the directory, then the agent's command. */
const [directory = '', program = '', ...args] = process.argv.slice(2);
mountInstance(directory);
process.execve?.(program, [program, ...args], process.env);
