/** What a private key is made as. kubeadm's names for the same: ECDSA-P256, RSA-2048. */
export type KeyAlgorithm = 'ecdsa-p256' | 'rsa-2048';

export type ExtendedKeyUsage = 'serverAuth' | 'clientAuth';
