/**
 * So many within a window that slides.
 *
 * @returns may the one who comes now pass? Each key is counted for itself; who is turned away does not count.
 */
export const createRateLimit = (most: number, windowMs: number, now: () => number) => {
  const passed = new Map<string, number[]>()
  return (key: string): boolean => {
    const recent = (passed.get(key) ?? []).filter((at) => at > now() - windowMs)
    const mayPass = recent.length < most
    passed.set(key, mayPass ? [...recent, now()] : recent)
    return mayPass
  }
}
