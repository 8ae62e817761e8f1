// Adapter: hpack (npm).
'use strict';
const { codec, serve, skip } = require('./protocol');
const HPACK = codec('hpack');

const text = (octets) => octets.toString('latin1');
const octets = (string) => Buffer.from(string, 'latin1');

serve('npm hpack 1.0.0', () => {
  const hpack = new HPACK();
  return {
    decode(block, sizes) {
      // Its decoder is never told of a setting.
      if (sizes.some((size) => size !== 4096)) throw skip('the decoder takes no settings');
      return hpack.decode(block).map(([name, value]) => [octets(name), octets(value)]);
    },
    encode(fields, sizes, sensitive) {
      if (sensitive.length) throw skip('no sensitive fields');
      for (const size of sizes) hpack.setTableSize(size);
      return hpack.encode(fields.map(([name, value]) => [text(name), text(value)]));
    },
  };
}, () => false);
