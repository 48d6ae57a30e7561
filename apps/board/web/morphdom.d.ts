// The board serves the library of this name beside these scripts.
declare const morphdom: (
  from: Element,
  to: Element,
  options: { childrenOnly: boolean; onBeforeElUpdated: (from: HTMLElement, to: HTMLElement) => boolean },
) => Node
export default morphdom
