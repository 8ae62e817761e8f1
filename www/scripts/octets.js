// What HTTP/2 and HPACK put into octets, as functions of plain values.

const TYPES = [
  "DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY",
  "WINDOW_UPDATE", "CONTINUATION",
];

// Flags mean something else on every type (RFC 9113, section 6).
const FLAGS = {
  DATA: { 0x01: "END_STREAM", 0x08: "PADDED" },
  HEADERS: { 0x01: "END_STREAM", 0x04: "END_HEADERS", 0x08: "PADDED", 0x20: "PRIORITY" },
  SETTINGS: { 0x01: "ACK" },
  PUSH_PROMISE: { 0x04: "END_HEADERS", 0x08: "PADDED" },
  PING: { 0x01: "ACK" },
  CONTINUATION: { 0x04: "END_HEADERS" },
};

/** Octets as "0A FF". */
export function hex(octets) {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0").toUpperCase()).join(" ");
}

/** The octets that hexadecimal text stands for; null where it is not hexadecimal. */
export function parseHex(text) {
  const digits = text.replace(/[\s:]/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) return null;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** The parts of a frame header: [class name, octets, label, value] for each. */
export function frameHeader(octets) {
  const view = new DataView(octets.buffer, octets.byteOffset, 9);
  const length = view.getUint32(0) >>> 8;
  const type = TYPES[octets[3]] ?? "unknown: ignored";
  const flags = Object.entries(FLAGS[type] ?? {})
    .filter(([bit]) => octets[4] & bit)
    .map(([, name]) => name);
  const stream = view.getUint32(5) & 0x7fffffff;
  return [
    ["length", octets.slice(0, 3), "length", String(length)],
    ["type", octets.slice(3, 4), "type", type],
    ["flags", octets.slice(4, 5), "flags", flags.join(", ") || "none"],
    ["stream", octets.slice(5, 9), "stream", stream ? String(stream) : "0, the connection"],
  ];
}

/** A number behind a prefix of so many bits (RFC 7541, section 5.1). */
export function prefixedInteger(number, bits) {
  const limit = 2 ** bits - 1;
  if (number < limit) return Uint8Array.of(number);
  const octets = [limit];
  let rest = number - limit;
  for (; rest >= 128; rest = Math.floor(rest / 128)) octets.push((rest % 128) + 128);
  return Uint8Array.from([...octets, rest]);
}
