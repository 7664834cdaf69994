import { testClusterSeeds } from '../sim/seeds.ts';

testClusterSeeds();
