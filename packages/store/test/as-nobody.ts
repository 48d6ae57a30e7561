/** Acts without rights: root may do anything, whatever the mode says. */
export const asNobody = async <T>(act: () => Promise<T> | undefined): Promise<T | undefined> => {
  if (process.getuid?.() !== 0) return act()
  process.seteuid?.(65534)
  try {
    return await act()
  } finally {
    process.seteuid?.(0)
  }
}
