import type { Ports } from '../../engine/types.ts';
import type { LockHolder } from '../../ports/host.ts';
import type { Cut, Gate } from './gate.ts';

export interface ProcessOptions {
  /** The operator's computer: its processes know of each other whether they live. */
  desk?: string;
  cuts?: readonly Cut[];
  /** Told of each call, by its number, before it goes out. */
  onCall?: (call: number) => void;
}

/** One process of an operator. */
export interface SimProcess {
  /** They die with it. */
  readonly ports: Ports;
  readonly owner: Omit<LockHolder, 'run' | 'fence' | 'since'>;
  readonly isDead: (holder: LockHolder) => boolean;
  readonly gate: Gate;
  /** The process ends by itself. */
  readonly exit: () => void;
}

/** The processes of all operators. */
export class SimProcesses {
  readonly #living = new Map<string, Gate>();
  #last = 1000;

  adopt(other: SimProcesses): void {
    this.#last = other.#last;
  }

  /** A new process on an operator's computer. */
  start(desk: string, gate: Gate, ports: Ports): SimProcess {
    this.#last += 1;
    const pid = this.#last;
    const key = `${desk} ${pid}`;
    this.#living.set(key, gate);
    void gate.death.then(() => this.#living.delete(key));
    return {
      ports,
      owner: {
        command: 'apply',
        user: 'ops',
        operator: desk,
        operatorMachineId: desk,
        operatorBootId: `${desk}-boot`,
        pid,
        pidStart: '1',
      },
      isDead: (holder) => holder.operatorMachineId === desk && !this.#living.has(`${desk} ${holder.pid}`),
      gate,
      exit: () => this.#living.delete(key),
    };
  }
}
