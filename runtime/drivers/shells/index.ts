import type { Driver } from '#runtime/drivers/driver.ts';
import type { Action } from '#runtime/plan/plan.ts';

/** Whether programs that people run as a tenant may change its files: any may be running, or none is. */
export type Shells = 'Free' | 'Still';

type ShellsAction = Action<'shells', 'end-shells', { readonly tenant: string }>;

/** Programs that people have started, by the tenant as which they run; new ones are refused what is not wanted elsewhere. */
export interface ShellKeeper {
  /** Of those that may change files. */
  count(tenant: string): number;
  end(tenant: string): void;
}

/** Ends what might still change the files of a tenant. Where nobody minds, nothing is looked at. */
export function createShellsDriver(keeper: ShellKeeper): Driver<'shells', ShellKeeper, Shells, ShellsAction, unknown> {
  return {
    name: 'shells',
    nothing: 'Free',
    normalize: (desired) => desired,
    observe: () => Promise.resolve(keeper),
    advance: (snapshot) => snapshot,
    of: ({ namespace }, { count }) => (count(namespace) === 0 ? 'Still' : 'Free'),
    plan: ({ namespace }, desired, observed) =>
      desired === 'Free' || observed === 'Still'
        ? []
        : [
            {
              driver: 'shells',
              op: 'end-shells',
              subject: `shells/${namespace}`,
              reason: 'the files are read-only now',
              disruption: 'none',
              changes: [],
              input: { tenant: namespace },
            },
          ],
    apply: ({ input }) => Promise.resolve(keeper.end(input.tenant)),
  };
}
