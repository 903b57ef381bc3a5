export { startClient, stopClient, stopClients } from './client-process.ts';
export { createClientSessions, type ClientSession, type ClientSessions, type SessionTimes } from './sessions.ts';
export type { ClientSeat } from './model.ts';
