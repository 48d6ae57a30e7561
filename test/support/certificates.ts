import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The paths of an authority of one's own, and of what it has signed for 127.0.0.1: a server's and a client's. */
export type Certificates = {
  folder: string
  ca: string
  server: { cert: string; key: string }
  client: { cert: string; key: string }
}

/** Makes them with `openssl`, for a day. The folder is the caller's to remove. */
export const makeCertificates = (): Certificates => {
  const folder = mkdtempSync(join(tmpdir(), 'stemkeeper-tls-'))
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...newKey, '-days', '1', '-subj', '/CN=our authority', '-keyout', 'ca.key', '-out', 'ca.pem')
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  const sign = (name: string) => {
    openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`)
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
    openssl('x509', '-req', '-days', '1', '-in', `${name}.csr`, ...by, '-extfile', 'names', '-out', `${name}.pem`)
    return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
  }
  return { folder, ca: join(folder, 'ca.pem'), server: sign('server'), client: sign('client') }
}
