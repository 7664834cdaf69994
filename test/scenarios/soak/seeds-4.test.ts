import { testSeeds } from '../sim/seeds.ts';

testSeeds(3, 4);
