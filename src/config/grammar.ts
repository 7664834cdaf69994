import { z } from 'zod';
import { parseIp } from '../model/ip.ts';
import { normalizeAddress, parseEndpoint, unusableAddress } from './address.ts';
import { goDurationPattern, parseGoDuration } from './duration.ts';
import { supportedVersions, unsupportedVersion } from './kubernetes-policy.ts';
import { formatPrefix, parsePrefix } from './prefix.ts';
import type { ConfigCode } from './problem.ts';
import { parseQuantity, quantityPattern } from './quantity.ts';
import { type ControlPlaneComponentName, reservedArgument } from './reserved-arguments.ts';
import { mayHoldData } from './reserved-directories.ts';
import { reservedKubeletFields, reservedKubeProxyFields } from './reserved-fields.ts';
import { reservedFlag } from './reserved-flags.ts';
import { said } from './said.ts';

// Every string of cluster.yaml that has a grammar is held to it here, by allow-lists: most of these values end up in the
// argument list of ssh, in a unit, in a URL or in a file that another program parses, and none of them may ever be able to
// mean anything else there. Repetitions never overlap, so that no input makes matching slow.

function text(pattern: RegExp, wrong: string, action: string, max = 255) {
  return z
    .string()
    .max(max, said(`is longer than ${max} characters`, 'shorten it'))
    .regex(pattern, said(wrong, action));
}

function refuse(
  ctx: z.core.$RefinementCtx,
  code: ConfigCode,
  wrong: string,
  action: string,
  path: string[] = [],
): void {
  ctx.addIssue({ code: 'custom', message: said(wrong, action), params: { code }, path });
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const USER = '[A-Za-z_][A-Za-z0-9_.-]{0,31}';
const HOST = '(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*)|\\[[0-9A-Fa-f:.]{2,45}\\])';
const PORT = '(?::[0-9]{1,5})?';
/** A file name that is neither `.` nor `..` and starts with no dash. */
const NAME = '(?!\\.{1,2}(?:/|$))[\\p{L}\\p{M}\\p{N}_.@+][\\p{L}\\p{M}\\p{N}_.@+=,:-]*';
const HOST_PATH = '(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)+';

/** A DNS label of RFC 1123: what Kubernetes takes as a name of a node, and what is safe as a folder's name. */
export const dnsLabel = text(
  new RegExp(`^${LABEL}$`),
  'is not a DNS label',
  'use at most 63 lower-case letters, digits and dashes, with a letter or digit first and last',
  63,
);

export const kubernetesVersion = text(
  /^v(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/,
  'is not an exact Kubernetes version',
  'write all three numbers of a release, such as v1.36.3',
  20,
).superRefine((value, ctx) => {
  const why = unsupportedVersion(value);
  if (why !== null) refuse(ctx, 'config.kubernetes-version', why, `choose a version from ${supportedVersions}`);
});

export const loginName = text(
  new RegExp(`^${USER}$`),
  'is not a login name',
  'use at most 32 letters, digits, dots, dashes and underscores, with a letter or underscore first',
  32,
);

/** As OpenSSH's ProxyJump, or `none`. */
export const proxyJump = text(
  new RegExp(`^(?:${USER}@)?${HOST}${PORT}(?:,(?:${USER}@)?${HOST}${PORT})*$`),
  'is not a list of jump hosts',
  'write [user@]host[:port], several with commas between, or none',
);

export const hostKeyFingerprint = text(
  /^SHA256:[A-Za-z0-9+/]{43}$/,
  'is not a SHA256 fingerprint of a host key',
  'copy it as ssh-keygen -lf prints it: SHA256: and 43 characters',
);

/** On the operator's machine: absolute, under `~/`, or relative to cluster.yaml. */
export const operatorPath = text(
  new RegExp(`^(?:~/|\\./|(?:\\.\\./)+|/)?${NAME}(?:/${NAME})*/?$`, 'u'),
  'is not a plain path',
  'use an absolute path, one under ~/ or one relative to this file; without blanks, quotes, %, $ and a first dash, and with .. at the start alone',
  1024,
);

/** On a machine: absolute and normalised. */
export const hostPath = text(
  new RegExp(`^${HOST_PATH}$`),
  'is not a plain absolute path',
  'write it in full from /, with letters, digits, dots, dashes and underscores, without .. and without a slash at the end',
);

export const dataDirectory = hostPath.refine(mayHoldData, {
  error: said('belongs to the system or to another program', 'use a directory of its own, such as /var/lib/etcd'),
});

export const criSocket = text(
  new RegExp(`^unix://${HOST_PATH}$`),
  'is not the address of a Unix socket',
  'write unix:// and an absolute path, such as unix:///run/containerd/containerd.sock',
  114,
);

export const imageRepository = text(
  /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/,
  'is not an image repository',
  'write a registry and a path without tag or digest, such as registry.example.com/k8s',
);

export const imageTag = text(
  /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/,
  'is not an image tag',
  'use at most 128 letters, digits, dots, dashes and underscores, such as 3.6.8-0',
  128,
);

/** No user, query or fragment; it is written into the package manager's list of sources. */
export const repositoryUrl = text(
  new RegExp(`^https?://${HOST}${PORT}(?:/[A-Za-z0-9_~][A-Za-z0-9._:~+-]*)*/?$`),
  'is not the URL of a package repository',
  'write http:// or https://, a host and a path, without a user, blanks, % and ?',
  1024,
);

/** The library that seals the vault checks the rest when it is made. */
export const ageRecipient = text(
  /^age1(?:pq1)?[02-9ac-hj-np-z]{58,2048}$/,
  'is not an age recipient',
  'give the public key that age-keygen prints: age1 and 58 lower-case characters',
  2100,
);

// Asked first: that a flag is reserved matters more than how it is written.
export const flagName = z
  .string()
  .superRefine((value, ctx) => {
    const reserved = reservedFlag(value);
    if (reserved !== undefined) refuse(ctx, reserved.code, reserved.why, reserved.action);
  })
  .regex(
    /^[a-z][a-z0-9-]{0,63}$/,
    said('is not the name of a flag', 'write it without dashes in front and without a value, such as snapshot-count'),
  );

// kubelet replaces $(NAME) in a static pod's arguments by the environment.
export const flagValue = text(
  /^(?!.*\$\()[\x20-\x7e]*$/,
  'is not a plain value',
  'use printable ASCII characters on one line, without $(',
  1024,
);

/** An address at which other machines reach this one. Kept as Go prints it. */
export const machineAddress = z.string().transform((value, ctx) => {
  const unusable = unusableAddress(value);
  if (unusable === null) return normalizeAddress(value) ?? value;
  refuse(ctx, 'config.address', `is ${unusable}`, 'give the IP address by which the other machines reach this one');
  return z.NEVER;
});

/** `10.244.0.0/16`, the address being the network's first, as Go prints it. */
export const networkPrefix = z.string().transform((value, ctx) => {
  const prefix = parsePrefix(value);
  if (prefix?.exact) return formatPrefix(prefix);
  const wrong = prefix === null ? 'is not a network' : `is an address within ${formatPrefix(prefix)}`;
  const action =
    prefix === null
      ? 'write an address, a slash and the length of the prefix, such as 10.244.0.0/16'
      : `write ${formatPrefix(prefix)}`;
  refuse(ctx, 'config.invalid-value', wrong, action);
  return z.NEVER;
});

export const dnsDomain = text(
  new RegExp(`^${LABEL}(?:\\.${LABEL})*$`),
  'is not a DNS domain',
  'use lower-case labels with dots between, such as cluster.local',
  253,
);

/** `HOST` or `HOST:PORT`; HOST is a DNS name, an IPv4 address, or an IPv6 address (in brackets before a port). */
export const endpointAddress = z.string().superRefine((value, ctx) => {
  const endpoint = parseEndpoint(value);
  if (endpoint === null) {
    const action = 'write a DNS name or an address and a port, such as api.example.com:6443 or [fd00::100]:6443';
    refuse(ctx, 'config.invalid-value', 'is not an endpoint', action);
  }
});

/** Linux: at most 15 bytes, no slash, no blank. */
export const interfaceName = text(
  /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/,
  'is not the name of a network interface',
  'use the name that `ip link` prints, such as eth0',
  15,
);

/** Repository and tag, or digest. */
export const imageReference = text(
  /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)+(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})$/,
  'is not an image with a tag',
  'write registry, path and tag or digest, such as registry.example.com/haproxy:2.8',
  512,
);

export const featureGateName = z
  .string()
  .regex(/^[A-Z][A-Za-z0-9]{0,63}$/, said('is not a feature gate', 'write its name as the documentation does'));

/** A flag of a control plane's component; those that are decided are refused by name. */
export function argumentName(component: ControlPlaneComponentName) {
  return z
    .string()
    .superRefine((value, ctx) => {
      const reserved = reservedArgument(component, value);
      if (reserved !== undefined) refuse(ctx, 'config.reserved-argument', 'is decided by keelson or kubeadm', reserved);
    })
    .regex(
      /^[a-z][a-z0-9-]{0,63}$/,
      said('is not the name of a flag', 'write it without dashes in front and without a value, such as profiling'),
    );
}

const LABEL_VALUE = '(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?';
const LABEL_NAME = '[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?';

export const labelKey = text(
  new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*/)?${LABEL_NAME}$`),
  'is not the key of a label',
  'use letters, digits, dashes, underscores and dots, with a DNS domain and a slash in front or not',
  317,
);

export const labelValue = text(
  new RegExp(`^${LABEL_VALUE}$`),
  'is not the value of a label',
  'use at most 63 letters, digits, dashes, underscores and dots, with a letter or digit first and last',
  63,
);

/** Errors of kubeadm's preflight by name, which it compares without regard to case. */
export const preflightError = text(
  /^(?!all$)[A-Za-z][A-Za-z0-9-]{0,127}$/i,
  'is not the name of a preflight check',
  'name each check that may fail, such as SystemVerification; `all` would hide every fault',
  128,
);

/** Fields of KubeProxyConfiguration but the ones that are decided elsewhere. */
export const kubeProxyFields = z.record(z.string(), z.unknown()).superRefine((fields, ctx) => {
  for (const name of Object.keys(fields)) {
    const action = reservedKubeProxyFields.get(name);
    if (action !== undefined) refuse(ctx, 'config.reserved-field', 'cannot be set here', action, [name]);
    else if (!/^[a-z][A-Za-z0-9]{0,63}$/.test(name)) {
      const how = 'write it as the Kubernetes documentation does, such as mode';
      refuse(ctx, 'config.unknown-key', 'is not a field of KubeProxyConfiguration', how, [name]);
    }
  }
});

const dnsName = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`);

/** A DNS name, with `*.` in front or not, or an IP address. */
export const certificateSan = z.string().transform((value, ctx) => {
  if (parseIp(value) !== null) return normalizeAddress(value) ?? value;
  if (value.length <= 253 && dnsName.test(value) && !/^[\d.]+$/.test(value)) return value;
  refuse(
    ctx,
    'config.invalid-value',
    'is neither a DNS name nor an IP address',
    'use lower-case names such as etcd.example.com',
  );
  return z.NEVER;
});

export function duration(range: { min: string; max: string }) {
  return text(
    goDurationPattern,
    'is not a duration',
    'write it as Go does, with the units h, m, s and ms, such as 8760h or 1m30s',
    64,
  ).refine((value) => inRange(value, range), {
    error: said(`is not between ${range.min} and ${range.max}`, 'choose a duration in this range'),
  });
}

function inRange(value: string, range: { min: string; max: string }): boolean {
  const seconds = parseGoDuration(value);
  // What is no duration at all has been reported by the pattern.
  return (
    seconds === null || (seconds >= (parseGoDuration(range.min) ?? 0) && seconds <= (parseGoDuration(range.max) ?? 0))
  );
}

/** Any fields of KubeletConfiguration but the ones that are decided elsewhere. */
export const kubeletFields = z.record(z.string(), z.unknown()).superRefine((fields, ctx) => {
  for (const name of Object.keys(fields)) {
    const action = reservedKubeletFields.get(name);
    if (action !== undefined) refuse(ctx, 'config.reserved-field', 'cannot be set here', action, [name]);
    else if (!/^[a-z][A-Za-z0-9]{0,63}$/.test(name)) {
      refuse(
        ctx,
        'config.unknown-key',
        'is not a field of KubeletConfiguration',
        'write it as the Kubernetes documentation does, such as maxPods',
        [name],
      );
    }
  }
});

/** Whole bytes, as a number or as a Kubernetes quantity. Kept as a number. */
export function byteQuantity(range: { min: string; max: string }) {
  const wrong = said('is not a size in bytes', 'write a whole number, or one with Mi or Gi, such as 8Gi');
  return z.union([z.int(), z.string().regex(quantityPattern, wrong)], { error: wrong }).transform((value, ctx) => {
    const bytes = parseQuantity(String(value));
    if (bytes !== null && bytes >= (parseQuantity(range.min) ?? 0) && bytes <= (parseQuantity(range.max) ?? 0))
      return bytes;
    refuse(ctx, 'config.invalid-value', `is not between ${range.min} and ${range.max}`, 'choose a size in this range');
    return z.NEVER;
  });
}

export function wholeNumber(min: number, max: number) {
  const wrong = said(`is not between ${min} and ${max}`, 'choose a whole number in this range');
  return z.int().min(min, wrong).max(max, wrong);
}

/** Words for people, on one line. */
export const reason = text(
  /^(?=.*\S)[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u,
  'gives no reason',
  'say why in words, on one line',
  300,
);
