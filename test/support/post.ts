import { createHmac } from 'node:crypto'

/** Posts as a provider does. A string goes out as it is. */
export const postJson = async (url: string, body: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  }
}

/** The headers of a signed callback. */
export const signed = (taskId: string, key: string, timestamp = Math.floor(Date.now() / 1000)) => ({
  'x-webhook-timestamp': `${timestamp}`,
  'x-webhook-signature': createHmac('sha256', key).update(`${taskId}.${timestamp}`).digest('base64'),
})
