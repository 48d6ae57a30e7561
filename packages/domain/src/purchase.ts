/** The types of separation that can be bought. */
export const ORDER_TYPES = ['separate_vocal', 'split_stem', 'split_stem_advanced'] as const

/** A separation to buy. */
export type Order = {
  /** The task that made the song. */
  sourceTaskId: string
  audioId: string
  type: (typeof ORDER_TYPES)[number]
  stemName?: string | undefined
}

/** The outcome of a purchase, as far as it is known. `why` is text for people. */
export type PurchaseOutcome = { kind: 'bought'; taskId: string } | { kind: 'maybe'; why: string }
