import { testSeeds } from '../sim/seeds.ts';

testSeeds(0, 4);
