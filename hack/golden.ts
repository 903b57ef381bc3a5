import { writeFileSync } from 'node:fs';
import { goldenCases, outcomeOf, renderCase } from '#test/builders/golden.ts';

/** Rewrites every golden case with what the controllers make of it now; the difference is for review. */
for (const golden of goldenCases()) writeFileSync(golden.file, renderCase(golden, outcomeOf(golden)));
