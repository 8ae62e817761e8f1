// Adapter: hpack.js (npm).
'use strict';
const { codec, serve, skip } = require('./protocol');
const hpack = codec('hpack.js');

// Its strings have a character for each octet.
const text = (octets) => octets.toString('latin1');
const octets = (string) => Buffer.from(string, 'latin1');

serve('npm hpack.js 2.1.6', () => {
  const options = { table: { maxSize: 4096 } };
  const decompressor = hpack.decompressor.create(options);
  const compressor = hpack.compressor.create(options);
  return {
    decode(block, sizes) {
      // The limit is given when the connection begins.
      if (sizes.some((size) => size !== 4096)) throw skip('the decoder takes no settings');
      decompressor.write(block);
      // Its public execute() answers by an event; what it calls throws.
      while (!decompressor._decoder.isEmpty()) decompressor._execute();
      const fields = [];
      for (let field = decompressor.read(); field !== null; field = decompressor.read())
        fields.push([octets(field.name), octets(field.value)]);
      return fields;
    },
    encode(fields, sizes, sensitive) {
      for (const size of sizes) compressor.updateTableSize(size);
      compressor.write(fields.map(([name, value], place) => (
        { name: text(name), value: text(value), neverIndex: sensitive.includes(place) })));
      return compressor.read() || Buffer.alloc(0);
    },
  };
// It throws plain errors for a block, and the engine's where it has run astray.
}, (error) => Object.getPrototypeOf(error) === Error.prototype);
