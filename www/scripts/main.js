// Wires the forms of the pages to the functions that know octets.

import { frameHeader, hex, parseHex, prefixedInteger } from "./octets.js";

function part([name, octets, label, value]) {
  const span = document.createElement("span");
  span.className = `part ${name}`;
  const bold = document.createElement("b");
  bold.textContent = hex(octets);
  const meaning = document.createElement("i");
  meaning.textContent = value;
  span.append(bold, ` ${label} `, meaning);
  return span;
}

const decoder = document.querySelector("#decoder");
if (decoder) {
  const input = decoder.querySelector("input");
  const output = decoder.querySelector("output");
  const show = () => {
    const octets = parseHex(input.value);
    if (octets?.length === 9) output.replaceChildren(...frameHeader(octets).map(part));
    else output.textContent = octets ? `${octets.length} of 9 octets` : "Hexadecimal digits only";
  };
  input.addEventListener("input", show);
  decoder.addEventListener("submit", (event) => event.preventDefault());
  decoder.addEventListener("click", (event) => {
    const octets = event.target.dataset?.octets;
    if (!octets) return;
    input.value = octets;
    show();
  });
  show();
}

const integers = document.querySelector("#integers");
if (integers) {
  const [number, prefix] = integers.querySelectorAll("input");
  const output = integers.querySelector("output");
  const show = () => {
    const valid = number.value !== "" && prefix.value !== "" && integers.checkValidity();
    output.textContent = valid ? hex(prefixedInteger(number.valueAsNumber, prefix.valueAsNumber)) : "-";
  };
  integers.addEventListener("input", show);
  integers.addEventListener("submit", (event) => event.preventDefault());
  show();
}
