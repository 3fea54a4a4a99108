"""What every page must have, asked in a browser: each check returns what is wrong, or nothing."""

# The contrast of text with what is behind it, by WCAG 2.2, 1.4.3: 4.5 for text of normal size.
FAINT = """() => {
  const numbers = color => (color.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const opaque = color => color !== "none" && (numbers(color)[3] ?? 1) === 1;
  const light = color => {
    const [r, g, b] = numbers(color).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    if (element.localName === "text") return getComputedStyle(element.previousSibling).fill;
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (opaque(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = [];
  let seen = 0;
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim(), element = texts.currentNode.parentElement;
    if (!text || !element.getClientRects().length) continue;
    seen++;
    const {color, fill} = getComputedStyle(element);
    const [dark, bright] = [element.localName === "text" ? fill : color, behind(element)]
      .map(light).sort((a, b) => a - b);
    const ratio = (bright + 0.05) / (dark + 0.05);
    if (ratio < 4.5) faint.push(`${text.slice(0, 40)}: ${ratio.toFixed(1)}`);
  }
  return seen ? faint : ["no text at all"];
}"""

BLANK = """async () => {
  const wrong = [];
  for (const image of document.images) {
    const name = image.alt || "(no alternative text)";
    if (!image.alt) wrong.push(name);
    await image.decode().catch(() => wrong.push(`${name}: is no picture`));
    const canvas = document.createElement("canvas"), paper = canvas.getContext("2d");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    paper.drawImage(image, 0, 0);
    const bytes = paper.getImageData(0, 0, canvas.width, canvas.height).data;
    const colors = new Set(new Uint32Array(bytes.buffer));
    if (colors.size < 3) wrong.push(`${name}: blank`);
  }
  for (const drawn of document.querySelectorAll("svg")) {
    const name = drawn.ariaLabel || "(no label)", {width, height} = drawn.getBoundingClientRect();
    if (!drawn.ariaLabel || drawn.role !== "img") wrong.push(name);
    if (!(width && height && drawn.querySelector("rect"))) wrong.push(`${name}: blank`);
  }
  return wrong;
}"""

WIDE = """() => {
  const width = document.documentElement.clientWidth, wide = [];
  for (const one of document.body.querySelectorAll("*")) {
    let shown = true;  // what scrolls by itself does not make the page wide
    for (let box = one.parentElement; box; box = box.parentElement) {
      if (box !== document.body && getComputedStyle(box).overflowX !== "visible") shown = false;
    }
    const {right} = one.getBoundingClientRect();
    if (shown && right > width + 0.5) wide.push(`${one.localName}: ${right} of ${width} pixels`);
  }
  const all = document.documentElement.scrollWidth;
  return all > width && !wide.length ? [`the page: ${all} of ${width} pixels`] : wide;
}"""

FOCUSED = """() => {
  const one = document.activeElement, {outlineStyle, outlineWidth} = getComputedStyle(one);
  const shown = outlineStyle !== "none" && outlineWidth !== "0px";
  return [one.localName, one.name || one.getAttribute("href") || one.textContent, shown];
}"""


def faint_texts(browser):
    """Texts with too little contrast."""
    return browser.run(FAINT)


def blank_pictures(browser):
    """Pictures that show nothing, or say nothing to who cannot see them."""
    return browser.run(BLANK)


def wide_parts(browser, width=360):
    """What makes the page scroll sideways in a window of so many pixels: on a phone."""
    browser.resize(width)
    return browser.run(WIDE)


def by_tab(browser, most=200):
    """What the Tab key comes to, in order: element, name, whether its focus is seen."""
    found = []
    for _ in range(most):
        browser.press("Tab")
        now = tuple(browser.run(FOCUSED))
        if now[0] == "body" or now in found:  # after the last it begins again
            return found
        found.append(now)
    raise AssertionError(f"no end of what Tab comes to: {found}")
