import { expect, it } from 'vitest';
import { allowanceHandles } from './bridge-allowance.ts';

it("finds the lab's own rules, not those of other labs or of other programs", () => {
  const chain = `table ip filter {
	chain FORWARD { # handle 1
		type filter hook forward priority filter; policy drop;
		iifname "kl-demo" oifname "kl-demo" accept comment "keelson-lab" # handle 12
		iifname "kl-demo2" oifname "kl-demo2" accept comment "keelson-lab" # handle 13
		iifname "kl-demo" drop # handle 14
	}
}`;
  expect(allowanceHandles(chain, 'kl-demo')).toEqual(['12']);
  expect(allowanceHandles('', 'kl-demo')).toEqual([]);
});
