/** Lies in every vault, for the person who finds the folder without knowing what it is. */
export function vaultReadme(cluster: string): string {
  return `keelson vault, version 1, of the cluster "${cluster}"
${'='.repeat(41 + cluster.length)}

This folder is keelson's only memory. Everything else it reads from the machines. Back the folder up, together with the age
identity that opens it, but not in the same place: both together are as good as root on every machine of the cluster.

cluster.age         Sealed. The cluster's unique id, etcd's initial cluster token, and how far the cluster has come.
                    Lost: keelson refuses to touch the machines, because it cannot know the cluster as its own, and it
                    never founds a cluster over data that is there. Restore it from a backup.
etcd-ca.crt         The certificate of etcd's CA, which is on every etcd machine, too.
etcd-ca.key.age     Sealed. The CA's private key, and by default its only copy.
                    Lost: the running cluster goes on, but no certificate can be renewed and no member replaced, until
                    every machine has been given a new CA.
kubernetes-ca.*, front-proxy-ca.*, service-account.*
                    Of a whole Kubernetes cluster: what its control planes share. Certificates and public keys in clear,
                    private keys sealed. Every control plane has them, too.
recipients.txt      Whose identities can open the sealed files.
inventory.json      In clear, without secrets: what was applied last. Lost: the next apply writes it again.
runs/               Journals of all runs, in clear, without secrets. Lost: the history, nothing else.
plans/              Saved plans, in clear, without secrets. Lost: a plan must be made again.
retired-*/          The records of a cluster that was reset. They can be deleted when it will never be asked about again.

The identity is by default ~/.config/keelson/identity.txt. Lost, with no other recipient's at hand: the sealed files cannot
be opened by anyone. What is lost then stands above. Give colleagues access with vault.recipients in cluster.yaml; taking a
recipient out there does not take back what their copies of this folder already show.

By hand, should keelson not be there:   age -d -i ~/.config/keelson/identity.txt etcd-ca.key.age > ca.key
`;
}
