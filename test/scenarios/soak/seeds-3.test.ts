import { testSeeds } from '../sim/seeds.ts';

testSeeds(2, 4);
