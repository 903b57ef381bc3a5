import type { Test } from 'tap';
import { samplingSeed } from '#test/lab/sampling.ts';
import { badInputLaws } from './databases/bad-input.ts';
import { changesLaws } from './databases/changes.ts';
import { databasesGround, type DatabasesUnderTest } from './databases/ground.ts';
import { dumpingLaws } from './databases/dumping.ts';
import { dumpsRightsLaws } from './databases/dumps-rights.ts';
import { keepingLaws } from './databases/keeping.ts';
import { loginsLaws } from './databases/logins.ts';
import { lookingLaws } from './databases/looking.ts';
import { rightsLaws } from './databases/rights.ts';
import { singleRightsLaws } from './databases/single-rights.ts';

export { fullDiskLaw } from './databases/full-disk.ts';
export { usualLimits, type DatabaseSession, type DatabasesUnderTest } from './databases/ground.ts';

/** The laws of databases, on a real server. Nothing of ours is left there at the end. */
export async function databasesContract<Name extends string>(t: Test, under: DatabasesUnderTest<Name>): Promise<void> {
  const ground = databasesGround(under);
  t.comment(`WCP360_SEED=${samplingSeed}`);
  await changesLaws(t, ground);
  await badInputLaws(t, ground);
  await rightsLaws(t, ground);
  await singleRightsLaws(t, ground);
  await loginsLaws(t, ground);
  await keepingLaws(t, ground);
  await dumpingLaws(t, ground);
  await dumpsRightsLaws(t, ground);
  await lookingLaws(t, ground);
}
