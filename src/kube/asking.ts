import { startDeadline } from '../etcd/deadline.ts';
import type { KubeCall } from '../ports/kube-api.ts';
import { answerFault, closedFault, isTlsRefusal, lostFault, timeoutFault, unauthorizedFault } from './faults.ts';
import type { Answer, Ask } from './link.ts';
import { createLinks, type HeldLink, type LinksOptions } from './links.ts';
import { lookAtCertificate } from './served.ts';

export interface Request extends Ask {
  /** Sending it twice is the same as once: it may be sent again when a kept connection turns out to have ended. */
  repeatable: boolean;
}

export interface Asking {
  /** The server's answer, whatever its status, but for 401. Rejects as the port says. */
  readonly ask: (call: KubeCall, request: Request) => Promise<Answer>;
  /** What it shows in a handshake, PEM. */
  readonly look: (call: KubeCall) => Promise<string>;
  readonly close: () => void;
}

export function createAsking(options: LinksOptions & { timeoutMs: number }): Asking {
  const links = createLinks(options);
  const closing = new AbortController();

  async function exchange({ on }: KubeCall, request: Request, signal: AbortSignal): Promise<Answer> {
    // It ends: each turn uses up a kept connection, and a new one is the last.
    for (;;) {
      const link = await links.acquire(on, signal);
      const exchanged = await send(link, request, signal);
      if (exchanged.is === 'answer') {
        if (exchanged.answer.status !== 401) {
          link.release();
          return exchanged.answer;
        }
        link.close();
        throw unauthorizedFault(on);
      }
      link.close();
      if (exchanged.is === 'too-large') throw answerFault(on, `has more than ${request.maxBytes} bytes`);
      if (!link.isUsed || !request.repeatable || isTlsRefusal(exchanged.error)) throw lostFault(on, exchanged.error);
    }
  }

  async function within<T>(call: KubeCall, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (closing.signal.aborted) throw new Error('the Kubernetes client is closed');
    call.signal.throwIfAborted();
    const timeoutMs = call.timeoutMs ?? options.timeoutMs;
    const deadline = startDeadline(timeoutMs, AbortSignal.any([call.signal, closing.signal]));
    try {
      return await work(deadline.signal);
    } catch (error) {
      if (call.signal.aborted) throw call.signal.reason;
      if (deadline.isOver()) throw timeoutFault(call.on, timeoutMs);
      if (closing.signal.aborted) throw closedFault(call.on);
      throw error;
    } finally {
      deadline.end();
    }
  }

  return {
    ask: (call, request) => within(call, (signal) => exchange(call, request, signal)),
    look: (call) => within(call, (signal) => lookAtCertificate(call.on, options.dial, signal)),
    close: () => {
      closing.abort(new Error('the Kubernetes client was closed'));
      links.close();
    },
  };
}

async function send(link: HeldLink, request: Request, signal: AbortSignal) {
  try {
    return await link.send(request, signal);
  } catch (error) {
    // No answer in time: the next call shall not find the same connection.
    link.close();
    throw error;
  }
}
