// Draws the window, the size formula and the values for the setting that the sliders show.
// All values are in `results`, computed by cnn_jax when the page was made; none is computed here.
const place = document.getElementById("windows-play");
const {results, input, kernel} = JSON.parse(place.querySelector("script").textContent);
const knob = name => place.querySelector(`[name=${name}]`);
const names = ["input", "window", "stride", "padding", "dilation"];
const CELL = 24;

function setting() {
  const s = Object.fromEntries(names.map(name => [name, +knob(name).value]));
  return {...s, transposed: knob("transposed").checked};
}

function grid(title, rows, edge, around, marked, chosen) {
  // rows: of numbers; edge: cells around them, which hold `around`; marked, chosen: "row,column"
  const side = rows.length + 2 * edge;
  let cells = "";
  for (let i = -edge; i < rows.length + edge; i++) {
    for (let j = -edge; j < rows.length + edge; j++) {
      const inside = rows[i] !== undefined && rows[i][j] !== undefined;
      const at = `${i},${j}`;
      const kind = (inside ? "" : "outside ") +
        (chosen === at ? "chosen" : marked.has(at) ? "marked" : "");
      const x = (j + edge) * CELL, y = (i + edge) * CELL;
      cells += `<g class="${kind}" data-at="${at}"><rect x="${x}" y="${y}" width="${CELL}" ` +
        `height="${CELL}"/><text x="${x + CELL / 2}" y="${y + CELL / 2}">` +
        `${inside ? rows[i][j] : around}</text></g>`;
    }
  }
  const size = side * CELL;
  return `<figure><svg viewBox="-1 -1 ${size + 2} ${size + 2}" width="${size + 2}" role="img" ` +
    `aria-label="${title}: ${rows.map(r => r.join(" ")).join("; ")}` +
    `${chosen ? `; at row, column ${chosen}` : ""}">${cells}</svg><figcaption>${title}</figcaption></figure>`;
}

function square(values) {
  const side = Math.round(Math.sqrt(values.length));
  return Array.from({length: side}, (_, i) => values.slice(i * side, (i + 1) * side));
}

function covered(row, column, s) {
  const cells = new Set();
  for (let i = 0; i < s.window; i++) {
    for (let j = 0; j < s.window; j++) {
      cells.add(`${row * s.stride - s.padding + i * s.dilation},` +
        `${column * s.stride - s.padding + j * s.dilation}`);
    }
  }
  return cells;
}

function draw() {
  const s = setting();
  for (const name of names) knob(name).nextElementSibling.value = s[name];
  const key = [...names.map(name => s[name]), +s.transposed].join();
  const values = results[key];
  const formula = place.querySelector(".formula"), pictures = place.querySelector(".pictures");
  knob("position").disabled = !values;
  if (!values) {
    formula.textContent = s.transposed
      ? "The padding cuts off everything: there is no output."
      : "The window is larger than the padded input: there is no output.";
    pictures.innerHTML = "";
    return;
  }
  const output = square(values), image = input.slice(0, s.input).map(r => r.slice(0, s.input));
  const steps = s.transposed ? s.input : output.length;  // the window has so many places
  knob("position").max = steps * steps - 1;
  const position = Math.min(+knob("position").value, steps * steps - 1);
  knob("position").nextElementSibling.value = position;
  const row = Math.floor(position / steps), column = position % steps;
  const window_ = covered(row, column, s), at = `${row},${column}`;
  const reach = `${s.dilation} x (${s.window} - 1) + 1`;
  formula.textContent = s.transposed
    ? `(${s.input} - 1) x ${s.stride} - 2 x ${s.padding} + ${reach} = ${output.length}`
    : `floor((${s.input} + 2 x ${s.padding} - (${reach})) / ${s.stride}) + 1 = ${output.length}`;
  const none = new Set();
  const weights = kernel.slice(0, s.window).map(r => r.slice(0, s.window));
  pictures.innerHTML = s.transposed
    ? grid("input", image, 0, "", none, at) + grid("kernel", weights, 0, "", none, "") +
      grid("output, and what padding cuts off", output, s.padding, "", window_, "")
    : grid("input, with its padding", image, s.padding, 0, window_, "") +
      grid("kernel", weights, 0, "", none, "") + grid("output", output, 0, "", none, at);
}

place.addEventListener("input", draw);
draw();
