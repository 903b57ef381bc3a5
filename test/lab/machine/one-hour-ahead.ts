/** Loaded before a program: its clock is an hour ahead of everybody's. */
const ahead = 3_600_000;
const { now } = Date;
Date.now = () => now() + ahead;
globalThis.Date = new Proxy(Date, {
  construct: (target, args: unknown[]) => Reflect.construct(target, args.length === 0 ? [now() + ahead] : args) as Date,
});
