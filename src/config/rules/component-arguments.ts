import type { ConfigDraft } from '../draft.ts';
import type { FieldProblem } from '../issues.ts';
import { quote } from '../path.ts';
import type { ControlPlaneComponentName } from '../reserved-arguments.ts';
import type { ConfigRule } from './types.ts';

interface Required {
  of: ControlPlaneComponentName;
  flag: string;
  /** Words that the list must have. */
  has?: readonly string[];
  /** Words that it must not have. */
  lacks?: readonly string[];
  /** What would happen; continues the value. */
  why: string;
}

/** A flag of the user's replaces kubeadm's as a whole, and these hold what the cluster rests on. */
const required: readonly Required[] = [
  {
    of: 'apiServer',
    flag: 'authorization-mode',
    has: ['Node', 'RBAC'],
    lacks: ['AlwaysAllow', 'AlwaysDeny'],
    why: 'would let everybody do everything, or nodes nothing',
  },
  {
    of: 'apiServer',
    flag: 'enable-admission-plugins',
    has: ['NodeRestriction'],
    lacks: ['AlwaysDeny'],
    why: 'would let a node that was broken into change the others',
  },
  {
    of: 'apiServer',
    flag: 'disable-admission-plugins',
    lacks: ['NodeRestriction', 'ServiceAccount'],
    why: 'would undo a protection that kubeadm rests on',
  },
  {
    of: 'apiServer',
    flag: 'anonymous-auth',
    lacks: ['false'],
    why: 'would fail the probes of the API server and keep machines from joining',
  },
  {
    of: 'controllerManager',
    flag: 'controllers',
    has: ['*', 'bootstrapsigner', 'tokencleaner'],
    lacks: ['-bootstrapsigner', '-tokencleaner'],
    why: 'would keep machines from joining',
  },
];

export const componentArguments: ConfigRule = (draft) =>
  required.flatMap(({ of, flag, has = [], lacks = [], why }) =>
    argumentsOf(draft, of).flatMap((arg, index): FieldProblem[] => {
      if (arg?.name !== flag || arg.value === undefined) return [];
      const words = arg.value.split(',').map((word) => word.trim());
      const missing = has.filter((word) => !words.includes(word));
      const surplus = lacks.filter((word) => words.includes(word));
      if (missing.length + surplus.length === 0) return [];
      const action = [
        ...(missing.length === 0 ? [] : [`add ${missing.join(' and ')}`]),
        ...(surplus.length === 0 ? [] : [`remove ${surplus.join(' and ')}`]),
      ];
      return [
        {
          code: 'config.unsafe-argument',
          path: ['spec', 'controlPlane', of, 'extraArgs', index, 'value'],
          message: `${quote(arg.value)} ${why}`,
          action: flag === 'anonymous-auth' ? ANONYMOUS : action.join(', '),
        },
      ];
    }),
  );

const ANONYMOUS =
  'name an AuthenticationConfiguration that keeps /healthz, /livez and /readyz with authentication-config';

function argumentsOf(draft: ConfigDraft, of: ControlPlaneComponentName) {
  return draft.spec?.controlPlane?.[of]?.extraArgs ?? [];
}
