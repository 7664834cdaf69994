import { describe, expect, it } from 'vitest';
import { partitionRules } from './network.ts';

const rules = (partition: Parameters<typeof partitionRules>[2]) =>
  partitionRules('demo', 'a', partition).map((rule) => rule.replace('add rule bridge keelson_demo ', ''));

describe('partitionRules', () => {
  it('cuts off from every other machine, but not from this computer', () => {
    expect(rules({})).toEqual(['m_a_forward oifname "kv-demo.a" drop', 'm_a_forward iifname "kv-demo.a" drop']);
  });

  it('cuts one way from one machine', () => {
    expect(rules({ from: ['b'], direction: 'in' })).toEqual([
      'm_a_forward oifname "kv-demo.a" iifname "kv-demo.b" drop',
    ]);
    expect(rules({ from: ['b'], direction: 'out' })).toEqual([
      'm_a_forward iifname "kv-demo.a" oifname "kv-demo.b" drop',
    ]);
  });

  it('cuts off from this computer alone', () => {
    expect(rules({ from: [], operator: true })).toEqual([
      'm_a_output oifname "kv-demo.a" drop',
      'm_a_input iifname "kv-demo.a" drop',
    ]);
  });
});
