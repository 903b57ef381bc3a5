import t from 'tap';
import { goldenCases, outcomeOf } from '#test/builders/golden.ts';

// Each file under test/golden is one case; `npm run golden:update` rewrites them, and the difference is reviewed.
for (const golden of goldenCases()) {
  void t.test(golden.name.replaceAll('-', ' '), async (t) => {
    t.same(outcomeOf(golden), golden.expected);
  });
}
