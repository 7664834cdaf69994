import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import { chooseDemo, demos } from './demos.ts';
import { placesOf } from './places.ts';

const root = join(import.meta.dirname, '../..');

describe.each(demos.map((demo) => ({ name: demo.name, demo })))('the demo $name', ({ demo }) => {
  it('has the machines and places of its configuration', () => {
    const parsed = parseConfig(readFileSync(join(root, demo.configFile), 'utf8'), demo.configFile);
    if (!parsed.ok) throw new Error('refused');
    const { spec } = parsed.config;
    expect(spec.hosts.map(({ name, address }) => ({ name, address }))).toEqual(demo.machines);
    const places = placesOf(demo, '~');
    expect([spec.software.bundle, spec.ssh.identityFile]).toEqual([places.bundle, places.sshKey]);
  });
});

describe('TOPOLOGY', () => {
  it.each([
    ['', 'demo'],
    ['stacked', 'demo-stacked'],
  ])('%j is the demo %s', (topology, name) => {
    expect(chooseDemo(topology)).toMatchObject({ is: 'demo', demo: { name } });
  });

  it('shares neither names nor networks', () => {
    expect(new Set(demos.map(({ name }) => name)).size).toBe(demos.length);
    const networks = demos.map(({ machines }) => machines[0]?.address.replace(/\.\d+$/, ''));
    expect(new Set(networks).size).toBe(demos.length);
  });

  it.each([
    ['external-full', /not there yet/],
    ['stakced', /is no demo; there are TOPOLOGY=stacked/],
  ])('%s is refused', (topology, why) => {
    const chosen = chooseDemo(topology);
    expect(chosen.is === 'refused' ? chosen.why : '').toMatch(why);
  });
});
